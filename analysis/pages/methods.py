"""A page a pruning method that was run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from analysis.baselines import Comparison, comparisons_of
from analysis.capped import capped, first_models
from analysis.comparison import DAMAGE, DamageRow, damage_rows
from analysis.document import Block, Bullets, Column, Inline, Link, Picture, Table, paragraph
from analysis.figures.pruning import WORST_DAMAGE
from analysis.grouped import grouped
from analysis.losses import LOSSES
from analysis.numbers import count_of, many, percent, range_of, share_of, times, times_with_interval
from analysis.pages.failures import FAILURES, failures_table
from analysis.paths import method_page, model_page
from analysis.section import Answers, PageSet, SubjectPage
from analysis.sections.prune.baselines import baseline_sentences
from analysis.subjects import METHODS, SUBJECTS, MethodRow, listed_subjects
from pictures.heatmaps import draw_layer_heatmaps

MOST_PICTURES = 30
LISTED = 150


@dataclass(frozen=True)
class MethodCell:
    """A cell of a method's heatmap: perplexity over dense, more than 1,000 as that; None = not measured."""

    panel: str
    row: str
    column: str
    value: float | None


def _pages(answers: Answers) -> tuple[SubjectPage, ...]:
    damage = grouped(answers.derive(damage_rows), lambda row: row.method)
    compared = grouped(answers.derive(comparisons_of), lambda item: item.row.method)
    failures = grouped(answers[FAILURES], lambda row: row.method)
    linked = {(row.source, row.model_id) for row in answers.derive(listed_subjects)}
    return tuple(
        SubjectPage(
            method_page(row.method),
            row.method,
            (
                ("What it is", (_identity(row),)),
                ("Damage", _damage(damage[row.method], linked, drawn=position < MOST_PICTURES)),
                ("Against the baselines", _against(compared[row.method])),
                ("Experiments without numbers", failures_table(failures[row.method])),
            ),
        )
        for position, row in enumerate(answers[METHODS])
    )


def _identity(row: MethodRow) -> Table:
    chance = {True: "yes: its seed matters", False: "no", None: "not recorded"}[row.random]
    lines = (
        ("Scope", row.scope),
        ("Source", row.origin or "not recorded by the runs in this store"),
        ("Version", str(row.version)),
        ("Looks at calibration text", "yes" if row.calibrated else "no"),
        ("Random", chance),
        ("Models tried", many(row.n_models)),
        ("Experiments done", many(row.n_done)),
        ("Experiments refused", many(row.n_refused)),
        ("Experiments failed", many(row.n_failed)),
    )
    return Table((Column("Property"), Column("Value")), lines)


def _damage(rows: list[DamageRow], linked: set[tuple[str, str]], *, drawn: bool) -> tuple[Block, ...]:
    if not rows:
        return (paragraph("No experiment gave a perplexity."),)
    picture: tuple[Block, ...] = (_picture(rows),) if drawn else ()
    columns = (
        Column("Model"),
        Column("Asked share", numeric=True),
        Column("Over dense [95 %]", numeric=True),
        Column("Weights gone or zero", numeric=True),
        Column("Parameters left", numeric=True),
        Column("Latency", numeric=True),
        Column("Windows", numeric=True),
        Column("Seeds", numeric=True),
    )
    table = Table(columns, tuple(_cells(row, linked) for row in rows))
    return *picture, *capped(table, most=LISTED)


def _cells(row: DamageRow, linked: set[tuple[str, str]]) -> tuple[Inline, ...]:
    has_page = (row.source, row.model_id) in linked
    return (
        Link(row.model_id, f"{model_page(row.source, row.model_id)}.md") if has_page else row.model_id,
        percent(row.ratio),
        times_with_interval(row.damage, row.damage_low, row.damage_high),
        share_of(row.removed_fraction),
        share_of(row.parameters_left),
        share_of(row.latency_left),
        many(row.n_windows),
        str(row.n_seeds),
    )


def _picture(rows: list[DamageRow]) -> Picture:
    """Return the heatmap of damage by model and ratio, the first models by name."""
    models = sorted({row.model_id for row in rows})
    names = short_names(models)
    shown, which = first_models(rows)
    found = {(row.model_id, row.ratio): min(row.damage, WORST_DAMAGE) for row in shown}
    drawn, ratios = sorted({row.model_id for row in shown}), sorted({row.ratio for row in shown})
    places = [(model, ratio) for model in drawn for ratio in ratios]
    cells = [
        MethodCell(rows[0].method, names[model], percent(ratio), found.get((model, ratio))) for model, ratio in places
    ]
    title = _title(rows)
    caption = (
        f"Perplexity over dense (1 = no damage, colours logarithmic and the same on every method's page, more than "
        f"{WORST_DAMAGE:,.0f} drawn as that), by model and asked share; grey: not measured; {which}"
        f"n = {range_of(row.n_windows for row in shown)} windows a cell; intervals stand in the table."
    )
    draw = partial(
        draw_layer_heatmaps, title=title, value_label="perplexity / dense", row_label="",
        column_label="asked share", logarithmic=True,
        limits=(1.0, WORST_DAMAGE),
    )  # fmt: skip
    name = f"damage_by-{method_page(rows[0].method).rsplit('/', 1)[-1]}"
    return Picture(name, f"Heatmap of perplexity over dense, model by asked share. {title}", caption, cells, draw)


def short_names(models: Sequence[str]) -> dict[str, str]:
    """Return each model without its owner, where that still tells all of them apart."""
    short = {model: model.rsplit("/", 1)[-1] for model in models}
    return short if len({*short.values()}) == len(short) else dict(zip(models, models, strict=True))


def _title(rows: list[DamageRow]) -> str:
    """Say the least and greatest damage at the greatest ratio."""
    ratio = max(row.ratio for row in rows)
    found = sorted((row.damage, row.model_id) for row in rows if row.ratio == ratio)
    (least, hardiest), (most, frailest) = found[0], found[-1]
    if len(found) == 1:
        return f"{percent(ratio)} asked costs {hardiest} {times(least)} of perplexity"
    return f"{percent(ratio)} asked costs from {times(least)} ({hardiest}) to {times(most)} ({frailest})"


def _against(group: list[Comparison]) -> tuple[Block, ...]:
    sentences = baseline_sentences(group)
    if not sentences:
        return (paragraph("Compared with nothing: it is the scope's random baseline, or no baseline removed as much."),)
    n_models = len({(item.row.source, item.row.model_id) for item in group})
    counted = f"{count_of(len(group), 'comparison')} on {count_of(n_models, 'model')}; how they are made:"
    return Bullets(tuple(sentences)), paragraph(counted, Link("Pruning", "reports/prune.md"))


METHOD_PAGES = PageSet("methods", "Methods", (METHODS, DAMAGE, LOSSES, FAILURES, SUBJECTS), _pages)
