"""The dense models that pruning starts from."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.document import Block, Code, Column, Table
from analysis.numbers import decimal, many, short_count, with_interval
from analysis.section import QUERIES, Answers, Section
from store import Query

MISSING = ("No experiments yet: run", Code("python run_pipeline.py --prune"))


@dataclass(frozen=True)
class DenseRow:
    """A row of `dense.sql`."""

    source: str
    model_id: str
    perplexity: float | None
    perplexity_low: float | None
    perplexity_high: float | None
    n_windows: int | None
    perplexity_floor: float | None
    parameters: int | None
    bytes: int | None
    latency_seconds: float | None
    device: str
    evaluation: str


DENSE: Query[DenseRow] = Query(QUERIES / "dense.sql", DenseRow)


def dense_table(rows: Sequence[DenseRow]) -> Table:
    """Return the dense numbers, a row a model."""
    columns = (
        Column("Model"),
        Column("Perplexity [95 %]", numeric=True),
        Column("Floor of the language", numeric=True),
        Column("Over floor", numeric=True),
        Column("Windows", numeric=True),
        Column("Parameters", numeric=True),
        Column("Bytes", numeric=True),
        Column("Latency, ms", numeric=True),
        Column("Device"),
    )
    return Table(columns, tuple(_dense_cells(row) for row in rows))


def _dense_cells(row: DenseRow) -> tuple[str, ...]:
    unknown = "not known"
    perplexity, floor = row.perplexity, row.perplexity_floor
    return (
        row.model_id,
        with_interval(perplexity, row.perplexity_low, row.perplexity_high) if perplexity else unknown,
        decimal(floor) if floor else unknown,
        f"{perplexity / floor:.3f} x" if perplexity and floor else unknown,
        many(row.n_windows) if row.n_windows else unknown,
        short_count(row.parameters) if row.parameters else unknown,
        many(row.bytes) if row.bytes else unknown,
        decimal(1000 * row.latency_seconds) if row.latency_seconds else unknown,
        row.device,
    )


def _dense(answers: Answers) -> tuple[Block, ...]:
    return (dense_table(answers[DENSE]),)


DENSE_SECTION = Section("dense", "Dense models", "reports/prune", (DENSE,), _dense, MISSING)
