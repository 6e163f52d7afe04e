"""One experiment of a benchmark, in this process."""

import copy
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from pipeline.engines import ran_out_of_memory
from pipeline.errors import ArboristError
from pruning.api import prune
from pruning.errors import PruningError
from pruning.evaluation import measure
from pruning.evaluation.observe import Extras, observe
from pruning.evaluation.records import Measurement
from pruning.experiments.plan import DENSE
from pruning.library.given import Given
from pruning.library.split import Calibration, Texts
from pruning.methods import METHODS, check_ratio, ratios_of
from store.records import ExperimentReason, ExperimentStatus

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Trial:
    """What is tried; method "dense" with ratio 0 is the model as it is."""

    method: str
    scope: str
    ratio: float
    seed: int


@dataclass(frozen=True)
class Ended:
    """How it ended: `detail` says what was removed, or why nothing was measured."""

    trial: Trial
    status: ExperimentStatus
    reason: ExperimentReason | None
    detail: str
    seconds: float
    metrics: dict[str, Measurement] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """What all trials share; `dense_logits` as `observe` takes them."""

    given: Given
    texts: Texts
    repeats: int
    extras: Extras | None
    dense_logits: "Sequence[torch.Tensor] | None"


def trials(methods: Sequence[str], ratios: Sequence[float], seeds: int, calibration: Calibration) -> tuple[Trial, ...]:
    """Return the dense trial and every method at its ratios; a method for which nothing is drawn once, with seed 0.

    Raises `UsageError` for an unknown method and for a ratio that is none.
    """
    for ratio in ratios:
        check_ratio(ratio)
    return (Trial(DENSE, "none", 0.0, 0), *_pruned_trials(methods, ratios, seeds, calibration))


def _pruned_trials(
    methods: Sequence[str], ratios: Sequence[float], seeds: int, calibration: Calibration
) -> Iterator[Trial]:
    for method in [METHODS[name] for name in dict.fromkeys(methods)]:
        drawn = method.random or (method.calibrated and calibration.drawn)
        for ratio in ratios_of(method, ratios):
            yield from (Trial(method.name, method.scope, ratio, seed) for seed in range(seeds if drawn else 1))


def perform_trial(bench: Bench, trial: Trial) -> Ended:
    """Do one trial on a copy of the model. Raises `UsageError` for what no trial could do.

    The guarded boundary of a benchmark: a method on a structure of a third party can raise anything, which is a row
    then, as it is in an experiment's child process.
    """
    started = perf_counter()
    try:
        detail, metrics = _measured(bench, trial)
        return Ended(trial, "done", None, detail, perf_counter() - started, metrics)
    except PruningError as error:
        status: ExperimentStatus = "failed" if error.reason == "not_finite" else "refused"
        return Ended(trial, status, error.reason, str(error), perf_counter() - started)
    except ArboristError:
        raise
    except Exception as error:  # noqa: BLE001  # see the docstring
        reason: ExperimentReason = "out_of_memory" if ran_out_of_memory(error) else "error"
        text = "".join(traceback.format_exception_only(error)).strip()
        return Ended(trial, "failed", reason, text, perf_counter() - started)


def _measured(bench: Bench, trial: Trial) -> tuple[str, dict[str, Measurement]]:
    dense = bench.given.model
    if trial.method == DENSE:
        return "", _metrics(bench, dense, None)
    model = copy.deepcopy(dense)
    windows = bench.texts.calibration.windows(trial.seed) if METHODS[trial.method].calibrated else ()
    pruned = prune(model, trial.method, trial.ratio, calibration=windows, seed=trial.seed)
    return pruned.sentence(), _metrics(bench, model, dense)


def _metrics(bench: Bench, model: "PreTrainedModel", dense: "PreTrainedModel | None") -> dict[str, Measurement]:
    seen = observe(
        model,
        bench.texts.evaluation,
        dtype=bench.given.dtype,
        repeats=bench.repeats,
        dense=dense,
        dense_logits=bench.dense_logits if dense else None,
        extras=bench.extras,
    )
    return measure(seen)
