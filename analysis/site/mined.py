"""The web page's tables of what was mined and grouped."""

from collections import Counter

from analysis.architecture_map import MapPoint
from analysis.section import Answers
from analysis.sections.extract.catalog import OUTCOMES
from analysis.sections.process.families import FamilyRow
from analysis.sections.prune.unfinished import UNFINISHED
from analysis.site.links import linked_model
from analysis.site.rows import SiteModelRow
from analysis.site.tables import LONGEST_TEXT, Cell, SiteColumn, SiteTable, site_rows
from pipeline.text import printable

# Tasks of the map that have a colour of their own; the rest are one group.
SHOWN_TASKS = 6
OTHER = "other tasks"


def map_table(points: list[MapPoint]) -> SiteTable:
    """Return the points of the map, `group` the task or what the rare ones are called together."""
    counts: Counter[str] = Counter()
    for point in points:
        counts[point.task] += point.n_models
    shown = sorted(counts, key=lambda task: (-counts[task], task))[:SHOWN_TASKS]
    ordered = sorted(points, key=lambda point: shown.index(point.task) if point.task in shown else SHOWN_TASKS)
    keys = ("group", "x", "y", "model", "task", "family", "n_models", "n_parameters")
    columns = tuple(SiteColumn(key, key) for key in keys)
    cells = site_rows((point.task if point.task in shown else OTHER, *_point_cells(point)) for point in ordered)
    return SiteTable("map", "Map", "", columns, cells, "")


def _point_cells(point: MapPoint) -> tuple[Cell, ...]:
    return point.x, point.y, point.model_id, point.task, point.family or None, point.n_models, point.n_parameters


def groups_of(table: SiteTable) -> tuple[str, ...]:
    """Return the groups of a map's points as the page writes them, the largest first and the rest last."""
    return tuple(dict.fromkeys(printable(str(row[0]), LONGEST_TEXT) for row in table.rows))


def families_table(rows: list[FamilyRow], pages: frozenset[str]) -> SiteTable:
    columns = (
        SiteColumn("family", "Family"),
        SiteColumn("n_models", "Models", "count"),
        SiteColumn("n_structures", "Structures", "count"),
        SiteColumn("fewest_layers", "Layers from", "count"),
        SiteColumn("most_layers", "to", "count"),
        SiteColumn("fewest_parameters", "Parameters from", "short"),
        SiteColumn("most_parameters", "to", "short"),
        SiteColumn("downloads", "Downloads", "short"),
        SiteColumn("representative", "Representative", "link"),
        SiteColumn("weights", "Weights", choice=True),
    )
    cells = site_rows(_family_cells(row, pages) for row in rows)
    caption = "Models of one plan, by structural similarity; ranges are over the members' structures."
    missing = "No families yet: run python run_pipeline.py --process"
    return SiteTable("families", "Families", caption, columns, cells, missing)


def _family_cells(row: FamilyRow, pages: frozenset[str]) -> tuple[Cell, ...]:
    chosen = row.representative and linked_model(row.representative_source or "", row.representative, pages)
    return (
        row.family_id,
        row.n_models,
        row.n_structures,
        row.fewest_layers,
        row.most_layers,
        row.fewest_parameters,
        row.most_parameters,
        row.downloads,
        chosen,
        "yes" if row.has_weights else "no",
    )


def models_table(rows: list[SiteModelRow], pages: frozenset[str]) -> SiteTable:
    columns = (
        SiteColumn("model", "Model", "link"),
        SiteColumn("source", "Source", choice=True),
        SiteColumn("task", "Task", choice=True),
        SiteColumn("family", "Family"),
        SiteColumn("n_layers", "Layers", "count"),
        SiteColumn("n_parameters", "Parameters", "short"),
        SiteColumn("downloads", "Downloads", "short"),
        SiteColumn("outcome", "Outcome", choice=True),
        SiteColumn("reason", "Reason", choice=True),
    )
    cells = site_rows(
        (
            linked_model(row.source, row.model_id, pages),
            row.source,
            row.task,
            row.family_id,
            row.n_layers,
            row.n_parameters,
            row.downloads,
            row.status,
            row.reason,
        )
        for row in rows
    )
    missing = "Nothing was mined yet: run python run_pipeline.py --extract"
    return SiteTable("models", "Models", "Every model that was seen and what became of it.", columns, cells, missing)


def failures_table(answers: Answers) -> SiteTable:
    columns = (
        SiteColumn("of", "What", choice=True),
        SiteColumn("where", "Source or method", choice=True),
        SiteColumn("outcome", "Outcome", choice=True),
        SiteColumn("reason", "Reason"),
        SiteColumn("count", "Count", "count"),
        SiteColumn("example", "For example"),
        SiteColumn("detail", "What it said"),
    )
    mined = (
        ("model", row.source, row.status, row.reason, row.n_models, row.example, row.example_detail)
        for row in answers[OUTCOMES]
        if row.status != "extracted"
    )
    pruned = (
        ("experiment", row.method, row.status, row.reason, row.n_experiments, row.example, row.example_detail)
        for row in answers[UNFINISHED]
    )
    missing = "Every model gave a structure and every experiment gave numbers."
    caption = "What gave no structure or no numbers, by reason. Nothing disappears."
    return SiteTable("failures", "Failures", caption, columns, site_rows((*mined, *pruned)), missing)
