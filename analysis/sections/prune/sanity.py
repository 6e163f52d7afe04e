"""Whether the numbers can be what they say they are: the sanity checks of stage 3."""

from dataclasses import dataclass

from analysis.document import Block, Code, Column, Inline, Strong, Table, paragraph
from analysis.numbers import count_of, many
from analysis.section import QUERIES, Answers, Section
from store import Query

_MEANINGS = {
    "counts": "as many weights are left as there can be, and every window has a loss",
    "dense_again": "the dense model's loss comes out again in another process and order",
    "sparsity": "the asked ratio is what was counted in the weights, within the method's rounding",
    "text_apart": "no window is in calibration and evaluation text",
    "text_overlap": "runs of 8 tokens are in both texts no more often than in two independent draws",
}
# What the first sentence says of them, in this order.
_SHOWN = {
    "text_apart": "texts apart",
    "dense_again": "dense numbers found again",
    "sparsity": "sparsity counted",
}


@dataclass(frozen=True)
class CheckRow:
    """A row of `checks.sql`; `example_method` is empty for a check of a model."""

    check_name: str
    outcome: str
    n_checks: int
    n_models: int
    example: str
    example_method: str
    example_detail: str


CHECKS: Query[CheckRow] = Query(QUERIES / "checks.sql", CheckRow)


def alarm(rows: list[CheckRow]) -> str:
    """Return what stands at the top of every page when a check failed; empty when none did."""
    failed = [row for row in rows if row.outcome == "failed"]
    if not failed:
        return ""
    named = ", ".join(f"{row.check_name} ({count_of(row.n_checks, 'experiment')})" for row in failed)
    return f"SANITY CHECK FAILED: {named}; see the section Sanity of the pruning report."


def sanity_sentence(rows: list[CheckRow]) -> list[tuple[Inline, ...]]:
    """Say how many checks passed, and what that shows: of each kind that none failed of."""
    if not rows:
        return []
    passed = sum(row.n_checks for row in rows if row.outcome == "ok")
    failed = sum(row.n_checks for row in rows if row.outcome == "failed")
    score = f"{many(passed)} of {many(passed + failed)} sanity checks passed"
    doubtful = {row.check_name for row in rows if row.outcome == "failed"}
    certain = {row.check_name for row in rows if row.outcome == "ok"} - doubtful
    shown = ", ".join(words for check, words in _SHOWN.items() if check in certain)
    return [(Strong(f"{score}:"), f"{shown}.") if shown else (Strong(f"{score}."),)]


def _sanity(answers: Answers) -> tuple[Block, ...]:
    columns = (
        Column("Check"),
        Column("That"),
        Column("Outcome"),
        Column("Checks", numeric=True),
        Column("Models", numeric=True),
        Column("For example"),
        Column("What it says"),
    )
    cells = tuple(
        (
            row.check_name,
            _MEANINGS.get(row.check_name, ""),
            Strong(row.outcome) if row.outcome == "failed" else row.outcome,
            many(row.n_checks),
            many(row.n_models),
            f"{row.example} {row.example_method}".strip(),
            row.example_detail,
        )
        for row in answers[CHECKS]
    )
    loud = alarm(answers[CHECKS])
    said = [paragraph(*sentence) for sentence in sanity_sentence(answers[CHECKS])]
    return *([paragraph(Strong(loud))] if loud else []), *said, Table(columns, cells)


_NONE = ("No checks yet: run", Code("python run_pipeline.py --prune"))
SANITY_SECTION = Section("sanity", "Sanity", "reports/prune", (CHECKS,), _sanity, _NONE)
