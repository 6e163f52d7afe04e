"""Whether a copy of another layer's weights is better than nothing (the earlier tool's question)."""

from dataclasses import dataclass
from functools import partial
from statistics import median

from analysis.capped import first_models
from analysis.document import Block, Bullets, Code, Column, Inline, Picture, Strong, Table, paragraph
from analysis.grouped import grouped
from analysis.numbers import count_of, decimal, percent, range_of
from analysis.section import QUERIES, Answers, Section
from pictures.heatmaps import draw_layer_heatmaps
from pictures.style import LINEAR_UP_TO
from store import Query

# Parts that have a picture; others stand in the table.
DRAWN = ("layer", "attention", "mlp")
LISTED_MODELS = 6
MISSING = (
    "No layer was replaced by a copy of another one yet: run",
    Code("python run_pipeline.py --prune --analyses standard"),
)


@dataclass(frozen=True)
class ReplacementRow:
    """A row of `replacement.sql`: layer `layer` with the weights of `other_layer`; KL in nats per token."""

    source: str
    model_id: str
    family_id: str | None
    target: str
    layer: int
    other_layer: int
    kl: float
    ablation_kl: float | None
    difference: float | None
    n_windows: int | None


@dataclass(frozen=True)
class ReplacementCell:
    """A cell of the heatmaps, on its diagonal the damage of nothing; KL in nats per token."""

    panel: str
    target: str
    row: int
    column: int
    value: float


@dataclass(frozen=True)
class Swaps:
    """The replacements of one part in one model that have an ablation to compare with."""

    model_id: str
    family_id: str | None
    target: str
    rows: tuple[ReplacementRow, ...]

    @property
    def better(self) -> int:
        """Return how many copies hurt less than nothing in their place."""
        return sum(row.difference is not None and row.difference < 0 for row in self.rows)

    @property
    def supported(self) -> bool:
        """Say whether more than half of the copies hurt less than nothing."""
        return 2 * self.better > len(self.rows)

    @property
    def best(self) -> ReplacementRow:
        """Return the copy with the least damage, the first of equals."""
        return min(self.rows, key=lambda row: row.kl)


REPLACEMENT: Query[ReplacementRow] = Query(QUERIES / "replacement.sql", ReplacementRow)


def swaps_of(rows: list[ReplacementRow]) -> list[Swaps]:
    """Return the comparisons by model and part."""
    compared = (row for row in rows if row.difference is not None)
    groups = grouped(compared, lambda row: (row.model_id, row.source, row.target))
    return [Swaps(key[0], group[0].family_id, key[2], tuple(group)) for key, group in sorted(groups.items())]


def _replacement(answers: Answers) -> tuple[Block, ...]:
    rows = answers[REPLACEMENT]
    swaps = swaps_of(rows)
    explained = paragraph(
        "A copy is better than nothing when its KL divergence from the dense model is less than with the part zeroed, "
        "on the same windows; swapping counts as supported when that holds for more than half of the pairs. No "
        "interval: pairs of one model share layers and are not independent."
    )
    blocks: list[Block] = [explained, *_pictures(rows), *_difference_pictures(rows)]
    return (*blocks, Bullets(tuple(_sentences(swaps))), _table(swaps)) if swaps else tuple(blocks)


def _sentences(swaps: list[Swaps]) -> list[tuple[Inline, ...]]:
    """Say of each part in how many pairs a copy is better than nothing, and in which models it mostly is not."""
    return [_sentence([item for item in swaps if item.target == target]) for target in _targets(swaps)]


def _targets(swaps: list[Swaps]) -> list[str]:
    return sorted({item.target for item in swaps})


def _sentence(group: list[Swaps]) -> tuple[Inline, ...]:
    pairs, better = sum(len(item.rows) for item in group), sum(item.better for item in group)
    failing = [_named(item) for item in group if not item.supported]
    verdict = f"not supported in {len(failing)} of {count_of(len(group), 'model')}" if failing else "supported in all"
    listed = ", ".join(failing[:LISTED_MODELS]) + (", …" if len(failing) > LISTED_MODELS else "")
    where = f": {listed}" if failing else f" {count_of(len(group), 'model')}"
    text = (
        f"a copy hurts less than nothing in {better} of {count_of(pairs, 'pair')} ({percent(better / pairs)}); "
        f"swapping is {verdict}{where}."
    )
    return Strong(f"{group[0].target}:"), text


def _named(item: Swaps) -> str:
    """Return the model, with its family where that has another name."""
    return item.model_id if item.family_id in (None, item.model_id) else f"{item.model_id} (family {item.family_id})"


def _pictures(rows: list[ReplacementRow]) -> list[Picture]:
    """Return a picture a part, all with one scale of colours."""
    first, which = first_models(rows)
    shown = [row for row in first if row.target in DRAWN]
    if not shown:
        return []
    values = [cell.value for cell in _cells(shown)]
    caption = (
        "KL divergence from the dense model, nats per token; one scale of colours for all parts and models, "
        f"logarithmic beyond {LINEAR_UP_TO:g}; grey: not measured; {which}"
        f"n = {range_of([row.n_windows for row in shown if row.n_windows] or [0])} evaluation windows a cell; "
        "no interval."
    )
    parts = [target for target in DRAWN if any(row.target == target for row in shown)]
    return [
        _picture([row for row in shown if row.target == target], caption, (min(values), max(values)))
        for target in parts
    ]


def _picture(rows: list[ReplacementRow], caption: str, limits: tuple[float, float]) -> Picture:
    target, title = rows[0].target, _title(rows[0].target, swaps_of(rows))
    draw = partial(
        draw_layer_heatmaps, title=title, value_label="KL from dense, nats per token", row_label="layer replaced",
        column_label="layer copied", limits=limits, logarithmic=True,
    )  # fmt: skip
    alt = f"Heatmaps, layer replaced by layer copied, a panel a model: {title}"
    return Picture(f"replacement_{target}", alt, caption, _cells(rows), draw)


def _difference_pictures(rows: list[ReplacementRow]) -> list[Picture]:
    """Return the damage of a copy minus that of nothing, a picture a part that has both."""
    first, which = first_models(rows)
    shown = [row for row in first if row.difference is not None]
    return [
        _difference_picture([row for row in shown if row.target == target], which)
        for target in DRAWN
        if any(row.target == target for row in shown)
    ]


def _difference_picture(rows: list[ReplacementRow], which: str) -> Picture:
    cells = [
        ReplacementCell(row.model_id, row.target, row.layer, row.other_layer, row.difference)
        for row in rows
        if row.difference is not None
    ]
    target, better = rows[0].target, sum(cell.value < 0 for cell in cells)
    reach = max(abs(cell.value) for cell in cells)
    title = f"Copy minus nothing, {target}: below 0, where the copy is better, in {better} of {len(cells)} pairs"
    caption = (
        "KL of the copy minus KL with the part zeroed, nats per token, on the same windows; middle of the colours: 0; "
        f"logarithmic beyond {LINEAR_UP_TO:g} on both sides; {which}"
        f"n = {range_of([row.n_windows for row in rows if row.n_windows] or [0])} windows a cell; no interval."
    )
    draw = partial(
        draw_layer_heatmaps, title=title, value_label="KL of the copy minus nothing, nats", row_label="layer replaced",
        column_label="layer copied", limits=(-reach, reach), logarithmic=True,
    )  # fmt: skip
    alt = f"Heatmaps, layer replaced by layer copied, a panel a model. {title}"
    return Picture(f"copy_minus_nothing_{target}", alt, caption, cells, draw)


def _title(target: str, swaps: list[Swaps]) -> str:
    if not swaps:
        return f"Damage of a copy of another layer's {target}"
    pairs, better = sum(len(item.rows) for item in swaps), sum(item.better for item in swaps)
    name = "layer" if target == "layer" else f"layer's {target}"
    return f"A copy of another {name} (off the diagonal) hurts less than none (on it) in {better} of {pairs} pairs"


def _cells(rows: list[ReplacementRow]) -> list[ReplacementCell]:
    """Return the cells model by model, ablations on the diagonal."""
    damage: dict[tuple[str, str, int, int], float] = {}
    for row in rows:
        damage[row.model_id, row.target, row.layer, row.other_layer] = row.kl
        if row.ablation_kl is not None:
            damage[row.model_id, row.target, row.layer, row.layer] = row.ablation_kl
    return [
        ReplacementCell(model, target, row, column, kl) for (model, target, row, column), kl in sorted(damage.items())
    ]


def _table(swaps: list[Swaps]) -> Table:
    columns = (
        Column("Model"),
        Column("Part"),
        Column("Pairs", numeric=True),
        Column("Better than nothing", numeric=True),
        Column("Median KL, copy less nothing", numeric=True),
        Column("Least KL of a copy, nats", numeric=True),
        Column("Layer by"),
        Column("Swapping"),
    )
    cells = tuple(
        (
            _named(item),
            item.target,
            str(len(item.rows)),
            percent(item.better / len(item.rows)),
            decimal(median(row.difference for row in item.rows if row.difference is not None)),
            decimal(item.best.kl),
            f"{item.best.layer} by {item.best.other_layer}",
            "supported" if item.supported else Strong("not supported"),
        )
        for item in swaps
    )
    return Table(columns, cells)


REPLACEMENT_SECTION = Section(
    "replacement", "A copy instead of a layer", "reports/redundancy", (REPLACEMENT,), _replacement, MISSING
)
