"""The web page `site/index.html`: tables to sort and filter, charts to hover over, from disk and without a network."""

from collections.abc import Mapping

from analysis.architecture_map import MAP, map_points
from analysis.cited import TRACE
from analysis.comparison import DAMAGE
from analysis.document import Bullets, Inline, Joined, Link, Strong
from analysis.leaderboard import leaderboard_rows, standings
from analysis.losses import LOSSES
from analysis.numbers import many
from analysis.prediction.judged import judged
from analysis.section import Answers, Export
from analysis.sections.extract.catalog import OUTCOMES
from analysis.sections.extract.sizes import STRUCTURES
from analysis.sections.index.headlines import HEADLINES_SECTION
from analysis.sections.prediction.damage_model import QUERIES_USED
from analysis.sections.prediction.proxies import PROXIES
from analysis.sections.process.families import FAMILIES
from analysis.sections.prune.unfinished import UNFINISHED
from analysis.site.charts import COSTS, map_specification, pareto_specification
from analysis.site.links import page_paths
from analysis.site.mined import failures_table, families_table, groups_of, map_table, models_table
from analysis.site.page import SiteChart, SiteContent, SiteLimits, SiteNumber, Span, render_site
from analysis.site.pruned import experiments_table, leaderboard_table, prediction_table, proxies_table
from analysis.site.rows import SITE_MODELS
from analysis.site.tables import SiteTable
from analysis.stamp import newest_run, stamp_of
from analysis.subjects import SUBJECTS

# How damaged a result may be to be shown: broken models would flatten the rest.
LIMITS = (("up to 2 x dense", 2.0), ("up to 10 x dense", 10.0), ("all", None))


def site_files(answers: Answers) -> Mapping[str, bytes]:
    """Return the page."""
    stamp = f"{stamp_of(answers)} {newest_run(answers)}"
    content = SiteContent(stamp, _numbers(answers), _findings(answers), _parts(answers), _files(answers))
    return {"site/index.html": render_site(content)}


def _numbers(answers: Answers) -> tuple[SiteNumber, ...]:
    found = (
        (len(answers[SITE_MODELS]), "models"),
        (len(answers[STRUCTURES]), "distinct structures"),
        (len(answers[FAMILIES]), "families"),
        (len({(row.source, row.model_id) for row in answers[DAMAGE]}), "models pruned"),
        (sum(row.n_seeds for row in answers[DAMAGE]), "pruning experiments"),
    )
    return tuple(SiteNumber(many(number), what) for number, what in found)


def _findings(answers: Answers) -> tuple[tuple[Span, ...], ...]:
    """Return the sentences of the index; where their numbers are found again is quiet."""
    lists = [block for block in HEADLINES_SECTION.render(answers) if isinstance(block, Bullets)]
    return tuple(tuple(_span(span) for span in item) for bullets in lists for item in bullets.items)


def _span(span: Inline) -> Span:
    match span:
        case str():
            return span, "plain"
        case Strong(text) | Joined(strong=True, text=text):
            return text, "strong"
        case Joined(parts) if any(isinstance(part, Link) and part.target == TRACE for part in parts):
            return span.text, "quiet"
        case _:
            return span.text, "plain"


def _parts(answers: Answers) -> tuple[SiteTable | SiteChart, ...]:
    pages = answers.derive(page_paths)
    experiments = experiments_table(answers.derive(leaderboard_rows), pages)
    return (
        leaderboard_table(answers.derive(standings)),
        *([_pareto(experiments)] if experiments.rows else []),
        experiments,
        *([_map(answers)] if answers[MAP] else []),
        families_table(answers[FAMILIES], pages),
        models_table(answers[SITE_MODELS], pages),
        prediction_table(answers.derive(judged).scores if answers[DAMAGE] else ()),
        proxies_table(answers[PROXIES]),
        failures_table(answers),
    )


def _pareto(experiments: SiteTable) -> SiteChart:
    caption = (
        "A mark is a model, method and ratio. The dashed line is the front: no result is better in both. "
        "Choose a scope in the legend; hover for the numbers and their 95 % interval over windows and seeds."
    )
    alt = "Scatter of perplexity over dense against what is left of the model, with the Pareto front"
    choices = tuple((cost.title, pareto_specification(cost)) for cost in COSTS)
    limits = SiteLimits("damage", "Shown", LIMITS)
    return SiteChart("pareto", "Quality against cost", caption, alt, experiments, choices, ("model", "method"), limits)


def _map(answers: Answers) -> SiteChart:
    shown, points = len(answers[MAP]), answers[MAP][0].n_points
    capped = f" Shown are the {many(shown)} of {many(points)} that stand for most models." if shown < points else ""
    caption = (
        "A mark is a structure, larger with more models; near ones are alike and the axes have no unit. "
        "Drag to move, turn the wheel with Alt to come closer, double-click to return; choose a task in the legend."
        + capped
    )
    alt = "Map of architectures: structures placed by similarity, coloured by task"
    table = map_table(answers.derive(map_points))
    choices = (("Map", map_specification(groups_of(table))),)
    return SiteChart("map", "Map of architectures", caption, alt, table, choices)


def _files(answers: Answers) -> tuple[tuple[str, str], ...]:
    """Return the tables to go on with and the report's pages."""
    found = [("The report", "README.md")]
    if answers[DAMAGE]:
        found += [
            (f"Every result as {kind}", f"exports/leaderboard.{kind.lower()}") for kind in ("CSV", "Parquet", "JSON")
        ]
        found += [("Predictions for unmeasured families", "reports/prediction.md")]
    found += [("Models by outcome", "csv_data/extraction_outcomes.csv")]
    if answers[FAMILIES]:
        found.append(("Largest families", "csv_data/largest_families.csv"))
    if answers[PROXIES]:
        found.append(("Cheap scores against damage", "csv_data/proxies.csv"))
    return tuple(found)


SITE = Export(
    "site",
    "Web page",
    (
        SITE_MODELS,
        MAP,
        STRUCTURES,
        SUBJECTS,
        DAMAGE,
        LOSSES,
        FAMILIES,
        PROXIES,
        OUTCOMES,
        UNFINISHED,
        *QUERIES_USED,
        *HEADLINES_SECTION.queries,
    ),
    site_files,
)
