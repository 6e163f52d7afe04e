"""How much of their rank the weight matrices use (effective rank; Roy and Vetterli, EUSIPCO 2007)."""

from dataclasses import dataclass

from analysis.document import Block, Code, Column, Table, paragraph
from analysis.section import QUERIES, Answers, Section
from store import Query

MISSING = ("No ranks were measured yet: run", Code("python run_pipeline.py --prune --analyses standard"))


@dataclass(frozen=True)
class RankRow:
    """A row of `ranks.sql`; ranks as fractions of the full rank."""

    source: str
    model_id: str
    role: str
    n_matrices: int
    mean_rank: float
    least_rank: float
    greatest_rank: float


RANKS: Query[RankRow] = Query(QUERIES / "ranks.sql", RankRow)


def _ranks(answers: Answers) -> tuple[Block, ...]:
    rows = answers[RANKS]
    roles = sorted({row.role for row in rows})
    known = {(row.model_id, row.source, row.role): row for row in rows}
    columns = (Column("Model"), *(Column(role, numeric=True) for role in roles), Column("Matrices", numeric=True))
    cells = tuple(
        (
            model,
            *(_cell(known.get((model, source, role))) for role in roles),
            str(sum(row.n_matrices for row in rows if (row.model_id, row.source) == (model, source))),
        )
        for model, source in sorted({(row.model_id, row.source) for row in rows})
    )
    explained = paragraph(
        "Exponential of the entropy of the singular values over the smaller side of the matrix: 1 = all directions "
        "used alike. Mean over layers, in brackets the least and the greatest. Counted, not sampled: no interval."
    )
    return explained, Table(columns, cells)


def _cell(row: RankRow | None) -> str:
    return "none" if row is None else f"{row.mean_rank:.2f} [{row.least_rank:.2f}, {row.greatest_rank:.2f}]"


RANKS_SECTION = Section("ranks", "Ranks of matrices", "reports/redundancy", (RANKS,), _ranks, MISSING)
