"""Analyses of stage 3 in child processes, a slice of about a minute at a time: `kill -9` loses at most a slice.

A slice returns its components, the driver writes them, and the analysis comes back for the rest. All analyses advance
together, round by round.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.engines import Limits, Outcome, Task, engine_for
from pipeline.errors import UsageError
from pipeline.progress import Progress, Track
from pipeline.settings import Settings
from pipeline.stages import deadline_of
from pruning.analyses.plan import AnalysisPlan, PlannedAnalysis, texts_for
from pruning.analyses.records import Piece, Subject
from pruning.analyses.run import Ending, Time, run_analysis
from pruning.analyses.specification import Order
from pruning.analyses.storing import finished_components, store_ending, store_pieces
from pruning.devices import give_back, gpus_of, pruning_workers
from pruning.errors import PruningError
from pruning.experiments.run import ENGINE_REASONS, PRELOAD
from pruning.experiments.work import dense_model
from store import RunHandle, Store

SLICE_SECONDS = 60.0


@dataclass(frozen=True)
class Slice:
    """A part of an analysis: what is finished is left out; `deadline` is a moment of `time.monotonic`, None = none."""

    planned: PlannedAnalysis
    finished: frozenset[str]
    seconds: float
    deadline: float | None


@dataclass(frozen=True)
class Sliced:
    """What a slice found, and how it ended: partial = there may be more."""

    pieces: tuple[Piece, ...]
    ending: Ending


@dataclass(frozen=True)
class _Sofar:
    """What the slices of one analysis have come to in this run."""

    planned: PlannedAnalysis
    components: int = 0
    refused: frozenset[str] = frozenset()
    refusals: tuple[str, ...] = ()
    seconds: float = 0.0

    def after(self, found: Sliced, seconds: float) -> "_Sofar":
        """Return the same with a slice added. Refused components are not tried again in this run."""
        return replace(
            self,
            refused=self.refused | {piece.component for piece in found.pieces if piece.refusal is not None},
            components=self.components + found.ending.components,
            refusals=(*self.refusals, *found.ending.refusals),
            seconds=self.seconds + seconds,
        )

    def ending(self, last: Ending) -> Ending:
        """Return the ending of the whole analysis when its last slice ended like this."""
        return replace(last, components=self.components, refusals=self.refusals)


def run_slices(
    store: Store,
    handle: RunHandle,
    plan: AnalysisPlan,
    settings: Settings,
    progress: Progress,
    deadline: float | None = None,
) -> Counter[str]:
    """Do every analysis of the plan, or as much as there is time for; return how many ended in each status.

    `deadline` is a moment of `time.monotonic`; None = as the settings have it, from now on.
    """
    finished = finished_components(store, [planned.order.key for planned in plan.todo])
    todo = [_Sofar(planned) for planned in plan.todo]
    with progress.track("analyses", len(todo)) as track:
        driver = _Driver(store, handle, settings, progress, track, deadline or deadline_of(settings), finished)
        while todo:
            todo = _round(driver, todo)
    return driver.counts


@dataclass(frozen=True)
class _Driver:
    """Where results go, who is told, when to stop, and what is measured, by the key of the analysis."""

    store: Store
    handle: RunHandle
    settings: Settings
    progress: Progress
    track: Track
    deadline: float | None
    finished: dict[str, set[str]]
    counts: Counter[str] = field(default_factory=Counter)

    def keep(self, order: Order, pieces: Sequence[Piece]) -> None:
        """Write components."""
        store_pieces(self.store, self.handle.run_id, order.specification, pieces)
        self.finished[order.key] |= {piece.component for piece in pieces if piece.findings}

    def end(self, sofar: _Sofar, last: Ending) -> None:
        """Write how an analysis ended."""
        order, ending = sofar.planned.order, sofar.ending(last)
        store_ending(self.store, self.handle.run_id, order, ending, sofar.seconds)
        self.counts[ending.status] += 1
        self.track.advance(f"{order.title}: {ending.components:,} components")
        if self.progress.verbose and ending.status != "done":
            self.progress.note(f"{order.title}: {ending.status}, {ending.reason}: {ending.detail}")


def _round(driver: _Driver, todo: Sequence[_Sofar]) -> list[_Sofar]:
    """Give every analysis a slice, and return those that have more to do.

    Of orders that differ only in the choice of components the first goes first: it measures some for the others.
    """
    places = {sofar.planned.order.key: place for place, sofar in reversed([*enumerate(todo)])}
    left = dict(enumerate(todo))
    for outcome in _outcomes(driver, {place: todo[place] for place in sorted(places.values())}):
        sofar, found = left.pop(int(outcome.key)), _sliced(outcome)
        driver.keep(sofar.planned.order, found.pieces)
        sofar = sofar.after(found, outcome.seconds)
        if found.ending.status == "partial" and not _passed(driver.deadline):
            left[int(outcome.key)] = sofar
        else:
            driver.end(sofar, found.ending)
    return [left[place] for place in sorted(left)]


def _outcomes(driver: _Driver, todo: Mapping[int, _Sofar]) -> Iterable[Outcome[Sliced]]:
    """Yield the outcomes of a slice each, by place; what is refused by the plan costs no child."""
    tasks, settings = [], driver.settings
    for place, sofar in todo.items():
        planned = sofar.planned
        if planned.refusal is None:
            finished = frozenset(driver.finished[planned.order.key]) | sofar.refused
            tasks.append(Task(str(place), Slice(planned, finished, SLICE_SECONDS, driver.deadline)))
        else:
            yield Outcome(str(place), "done", Sliced((), Ending("refused", "unsupported", planned.refusal)), "", 0.0)
    limits = Limits(settings.experiment_memory, settings.experiment_seconds, gpus=gpus_of(settings))
    yield from engine_for(settings).run(
        measure_slice, tasks, workers=pruning_workers(settings), limits=limits, preload=PRELOAD
    )


def measure_slice(task: Slice) -> Sliced:
    """Measure components until time is up. Runs in a child; takes and returns plain values."""
    import torch

    if _passed(task.deadline):
        return Sliced((), Ending("partial"))
    torch.set_num_threads(1)
    pieces: list[Piece] = []
    limit = Time(deadline=task.deadline, seconds=task.seconds)
    try:
        ending = run_analysis(task.planned.order.step, _subject(task), pieces.append, limit)
    except (PruningError, UsageError) as error:  # options may ask for a layer that this model does not have
        ending = Ending("refused", "unsupported", str(error))
    finally:
        give_back(task.planned.device)
    return Sliced(tuple(pieces), ending)


def _subject(task: Slice) -> Subject:
    """Return the model with the text that the analysis reads. Raises `PruningError` for a model of another kind."""
    from pruning.adapters import find_adapter

    order, folder = task.planned.order, task.planned.folder
    assert folder is not None
    model = dense_model(folder, task.planned.device)
    texts = texts_for(folder, task.planned.sizes, order.specification.seed)
    return order.subject(model, find_adapter(model), texts.get(order.step.analysis.reads), task.finished)


def _sliced(outcome: Outcome[Sliced]) -> Sliced:
    if outcome.value is not None:
        return outcome.value
    return Sliced((), Ending("failed", ENGINE_REASONS[outcome.status], outcome.detail))


def _passed(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
