"""Whether the methods keep what their papers promise, with the interval over seeds."""

from itertools import groupby

from analysis.comparison import losses_of
from analysis.document import Block, Bullets, Code, Column, Inline, Strong, Table, paragraph
from analysis.losses import LOSSES
from analysis.numbers import count_of, decimal, percent, times
from analysis.promises import SEEDS, Outcome, outcomes
from analysis.section import Answers, Section
from uncertainty import LEVEL

SHOWN_AS_MULTIPLE = 0.1  # smaller ratios would all be 0.00 x
_NONE = (
    "No promise was put to the test: run",
    Code("python run_pipeline.py --prune --methods random,magnitude,wanda,sparsegpt --ratios 0.5 --seeds 5"),
)


def _promises(answers: Answers) -> tuple[Block, ...]:
    found = outcomes(answers[SEEDS], answers.derive(losses_of))
    if not found:
        return (paragraph(*_NONE),)
    columns = (
        Column("Promise"),
        Column("Model"),
        Column("Asked share", numeric=True),
        Column(f"Perplexity ratio [{percent(LEVEL)}]", numeric=True),
        Column("Seeds", numeric=True),
        Column("Verdict"),
    )
    cells = tuple(
        (
            str(item.promise),
            item.model_id,
            percent(item.ratio),
            _ratio(item),
            f"{item.n_better} and {item.n_worse}",
            Strong(item.verdict) if item.verdict.startswith("broken") else item.verdict,
        )
        for item in found
    )
    explained = paragraph(
        "Perplexity of the method that is promised to be better over that of the other: below 1 the promise is kept.",
        "Put to the test only where both removed as much. The interval is paired on the same windows and over seeds, "
        "which draw what is random and the calibration text; of one draw each it is over windows alone and decides "
        "nothing about other draws.",
        "Results without losses by window have Welch's interval over seeds.",
    )
    return explained, Bullets(tuple(_sentences(found))), Table(columns, cells)


def _ratio(item: Outcome) -> str:
    relative = times(item.relative) if item.relative >= SHOWN_AS_MULTIPLE else f"{decimal(item.relative)} x"
    if item.low is None or item.high is None:
        return relative
    return f"{relative} [{decimal(item.low)}, {decimal(item.high)}]"


def _sentences(found: list[Outcome]) -> list[tuple[Inline, ...]]:
    """Say of each promise, at the greatest ratio, where it is kept and where it is not."""
    return [
        _sentence(str(promise), [item for item in group if item.ratio == max(other.ratio for other in group)])
        for promise, group in ((promise, [*items]) for promise, items in groupby(found, key=lambda item: item.promise))
    ]


def _sentence(promise: str, group: list[Outcome]) -> tuple[Inline, ...]:
    kept = sum(item.kept for item in group)
    sure = sum(item.verdict in ("kept", "broken") for item in group)
    broken = [item.model_id for item in group if not item.kept]
    where = f"; not on {', '.join(broken)}" if broken else ""
    score = f"kept on {kept} of {count_of(len(group), 'model')} (the interval decides on {sure})"
    return Strong(promise), f"at {percent(group[0].ratio)}: {score}{where}."


PROMISES_SECTION = Section("promises", "Promises of the papers", "reports/prune", (SEEDS, LOSSES), _promises, _NONE)
