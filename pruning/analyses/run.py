"""Running one analysis on one model in memory: what it yields is checked, it stops in time, it ends with a reason."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from pruning.analyses.configurations import Step
from pruning.analyses.records import Piece, Subject
from pruning.errors import NotFiniteError, PruningError
from store.records import AnalysisStatus, ExperimentReason

_NAMED_REFUSALS = 5


@dataclass(frozen=True)
class Ending:
    """How an analysis ended: done, partial (out of time), refused or failed. `components` were measured now.

    `refusals` are the components that cannot be measured, each with its reason.
    """

    status: AnalysisStatus
    reason: ExperimentReason | None = None
    detail: str | None = None
    components: int = 0
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Time:
    """When an analysis has to stop: at `deadline` (seconds of `clock`), or `seconds` after its first new component.

    What has to be computed before the first one does not count in the second: an analysis that goes on later pays it
    again. At least one new component is always measured. None = no limit.
    """

    deadline: float | None = None
    seconds: float | None = None
    clock: Callable[[], float] = time.monotonic


def run_analysis(step: Step, subject: Subject, keep: Callable[[Piece], None], limit: Time | None = None) -> Ending:
    """Measure what is not finished, hand each component to `keep`, and say how it ended.

    What the project refuses is an ending; anything else is raised. The model is as it was whatever happens.
    """
    counted: list[Piece] = []
    pieces = new_pieces(step, subject)
    try:
        complete = _drain(pieces, counted, keep, limit or Time())
    except PruningError as error:
        status = "failed" if isinstance(error, NotFiniteError) else "refused"
        return _ending(status, error.reason, counted, str(error))
    finally:
        pieces.close()  # type: ignore[attr-defined]
    return _ending("done" if complete else "partial", None, counted)


def new_pieces(step: Step, subject: Subject) -> Iterator[Piece]:
    """Yield the pieces that are not finished, checked. Closing it closes the analysis' own generator.

    Raises `NotFiniteError` for NaN or infinite numbers, `ValueError` for pieces that break the contract.
    """
    analysis, seen = step.analysis, set(subject.finished)
    pieces: Any = analysis.measure(subject, step.options)
    try:
        for piece in pieces:
            if piece.component in subject.finished:
                continue
            if piece.component in seen:
                raise ValueError(f"{analysis.name}: {piece.component!r} was yielded twice")
            seen.add(piece.component)
            _check(analysis.name, piece)
            yield piece
    finally:
        pieces.close()


def _drain(pieces: Iterator[Piece], counted: list[Piece], keep: Callable[[Piece], None], limit: Time) -> bool:
    """Keep pieces until there are no more or time is up; return whether there are no more."""
    stop = limit.deadline
    for piece in pieces:
        keep(piece)
        counted.append(piece)
        now = limit.clock()
        if len(counted) == 1 and limit.seconds is not None:
            stop = min(now + limit.seconds, stop if stop is not None else now + limit.seconds)
        if stop is not None and now >= stop:
            return False
    return True


def _check(analysis: str, piece: Piece) -> None:
    if bool(piece.findings) == (piece.refusal is not None):
        raise ValueError(f"{analysis}: {piece.component!r} has to have either findings or a refusal")
    for finding in piece.findings:
        if finding.component != piece.component:
            raise ValueError(f"{analysis}: {piece.component!r} has a finding of {finding.component!r}")
        if not isfinite(finding.value) or not isfinite(finding.x or 0.0):
            raise NotFiniteError(
                f"{analysis}: {finding.measure} of {finding.component} is {finding.value} (x = {finding.x}); expected "
                "finite weights and activations"
            )


def _ending(
    status: AnalysisStatus, reason: ExperimentReason | None, pieces: list[Piece], detail: str | None = None
) -> Ending:
    refused = tuple(f"{piece.component}: {piece.refusal}" for piece in pieces if piece.refusal is not None)
    return Ending(status, reason, detail, len(pieces) - len(refused), refused)


def ending_detail(ending: Ending) -> str | None:
    """Return the words for the column `detail`: the error, or which components were refused."""
    if not ending.refusals:
        return ending.detail
    named = "; ".join(ending.refusals[:_NAMED_REFUSALS])
    more = len(ending.refusals) - _NAMED_REFUSALS
    refused = f"{len(ending.refusals)} components refused: {named}{f'; and {more} more' if more > 0 else ''}"
    return f"{ending.detail}; {refused}" if ending.detail else refused
