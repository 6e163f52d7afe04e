"""What a dense model loses when one part of one layer is zeroed."""

from dataclasses import dataclass
from functools import partial
from statistics import median

from analysis.capped import first_models
from analysis.document import Block, Code, Column, Picture, Table
from analysis.figures.redundancy import LEAST_KL, draw_ablation
from analysis.grouped import grouped
from analysis.numbers import count_of, decimal, range_of
from analysis.section import QUERIES, Answers, Section
from store import Query

MISSING = (
    "No part of a layer was taken out yet: run",
    Code("python run_pipeline.py --prune --analyses standard"),
)


@dataclass(frozen=True)
class AblationRow:
    """A row of `ablation.sql`; damage in nats per token, `head` None for other targets than head."""

    source: str
    model_id: str
    target: str
    layer: int
    head: int | None
    kl: float
    loss_increase: float | None
    n_windows: int | None

    @property
    def place(self) -> str:
        """Return "3", or "3, head 2"."""
        return str(self.layer) if self.head is None else f"{self.layer}, head {self.head}"


ABLATION: Query[AblationRow] = Query(QUERIES / "ablation.sql", AblationRow)


def _ablation(answers: Answers) -> tuple[Block, ...]:
    rows = answers[ABLATION]
    shown, which = first_models(rows)
    title = _title(rows)
    edge = sum(row.kl < LEAST_KL for row in shown)
    windows = range_of([row.n_windows for row in shown if row.n_windows] or [0])
    caption = (
        "KL divergence of the next-token distribution from the dense model's, nats per token, logarithmic; "
        f"{edge} of {count_of(len(shown), 'part')} with less than {LEAST_KL:g} drawn there, at the edge; {which}"
        f"n = {windows} evaluation windows; no interval."
    )
    alt = f"Line charts of damage by layer, a panel a model and a line a part of the layer: {title}"
    return Picture("ablation", alt, caption, shown, partial(draw_ablation, title=title)), _table(rows)


def _title(rows: list[AblationRow]) -> str:
    """Say which part of a layer does least damage in the middle of its layers and models."""
    targets = grouped(rows, lambda row: row.target)
    parts = [f"{target} {decimal(median(row.kl for row in targets[target]))}" for target in sorted(targets)]
    n_models = len({(row.source, row.model_id) for row in rows})
    return f"Median KL over layers of {count_of(n_models, 'model')}, nats: {', '.join(parts)}"


def _table(rows: list[AblationRow]) -> Table:
    columns = (
        Column("Model"),
        Column("Part"),
        Column("Parts", numeric=True),
        Column("Least KL, nats", numeric=True),
        Column("In layer"),
        Column("Median KL, nats", numeric=True),
        Column("Greatest KL, nats", numeric=True),
        Column("In layer"),
    )
    groups = grouped(rows, lambda row: (row.model_id, row.source, row.target))
    return Table(columns, tuple(_cells(groups[key]) for key in sorted(groups)))


def _cells(group: list[AblationRow]) -> tuple[str, ...]:
    least, greatest = min(group, key=lambda row: row.kl), max(group, key=lambda row: row.kl)
    return (
        least.model_id, least.target, str(len(group)), decimal(least.kl), least.place,
        decimal(median(row.kl for row in group)), decimal(greatest.kl), greatest.place,
    )  # fmt: skip


ABLATION_SECTION = Section("ablation", "Damage of single parts", "reports/redundancy", (ABLATION,), _ablation, MISSING)
