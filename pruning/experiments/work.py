"""Doing one experiment: runs in a child process, takes and returns plain values."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pruning.devices import give_back
from pruning.errors import PruningError, UnsupportedModelError
from pruning.evaluation.records import Measurement
from pruning.experiments.specification import Experiment, TextSizes
from pruning.reference import prompts
from pruning.removal.records import COPIES, LOW_RANK, ZEROS, Pruned
from pruning.sanity.records import Check
from pruning.texts import NO_TEXT, Text, text_for
from store.records import ExperimentReason, ExperimentStatus, RemovedAs

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from pruning.evaluation.records import Observation

SAMPLES = 2
# Far from the seeds of experiments: draws evaluation text that no experiment uses.
_INDEPENDENT_SEED = 1_000_000
_REMOVED_AS: dict[str, RemovedAs] = {ZEROS: "zeros", COPIES: "copies", LOW_RANK: "low_rank"}


@dataclass(frozen=True)
class Result:
    """What came out of an experiment; without numbers unless `status` is "done".

    `losses` are the nats and the scored tokens of each evaluation window.
    """

    status: ExperimentStatus
    reason: ExperimentReason | None
    detail: str | None
    metrics: tuple[tuple[str, Measurement], ...] = ()
    samples: tuple[tuple[str, str], ...] = ()
    losses: tuple[tuple[float, int], ...] = ()
    checks: tuple[Check, ...] = ()
    removed_share: float | None = None
    removed_as: RemovedAs | None = None


def perform(experiment: Experiment) -> Result:
    """Do one experiment. What the project refuses is a result; anything else is raised and becomes the engine's."""
    try:
        return _measured(experiment)
    except PruningError as error:
        status: ExperimentStatus = "failed" if error.reason == "not_finite" else "refused"
        return Result(status, error.reason, str(error))
    finally:
        give_back(experiment.device)


def _measured(experiment: Experiment) -> Result:
    import torch

    from pruning.evaluation import measure
    from pruning.evaluation.observe import observe
    from pruning.generation import sample_texts
    from pruning.models import stored_dtype

    assert experiment.folder is not None
    torch.set_num_threads(1)
    specification, folder = experiment.specification, experiment.folder
    evaluation = _evaluation(folder, experiment.sizes)
    dense = dense_model(folder, experiment.device)
    model, pruned = (dense, None) if specification.ratio == 0 else _pruned(dense, experiment)
    seen = observe(
        model,
        evaluation,
        dtype=stored_dtype(folder),
        repeats=specification.latency_repeats,
        dense=None if model is dense else dense,
        dense_logits=None if model is dense else _dense_logits(folder, experiment.sizes, experiment.device),
    )
    result = Result(
        "done",
        None,
        None,
        tuple(measure(seen).items()),
        tuple(sample_texts(model, folder, prompts(SAMPLES))) if _predicts(dense, evaluation) else (),
        tuple(zip(seen.window_losses, seen.window_tokens, strict=True)),
        tuple(_checks(experiment, seen, pruned)),
    )
    return _with_removal(result, pruned) if pruned else result


def _with_removal(result: Result, pruned: Pruned) -> Result:
    removal = pruned.removal
    how: RemovedAs = "gone" if removal.physical else _REMOVED_AS[removal.left]
    return replace(result, detail=pruned.sentence(), removed_share=pruned.achieved_ratio, removed_as=how)


def _checks(experiment: Experiment, seen: "Observation", pruned: Pruned | None) -> Iterator[Check]:
    """Yield what the sanity checks say of an experiment that has numbers."""
    from pruning.adapters.find import find_adapter
    from pruning.sanity.counts import counts_possible, sparsity

    assert experiment.folder is not None
    yield counts_possible(seen)
    if pruned is not None:
        where = experiment.folder, experiment.device
        yield sparsity(pruned, find_adapter(dense_model(*where)), _dense_nonzeros(*where), seen.nonzeros)
    if experiment.specification.calibration is not None:
        yield from _text_checks(experiment.folder, experiment.sizes, experiment.specification.seed)


@lru_cache(maxsize=4)
def _text_checks(folder: Path, sizes: TextSizes, seed: int) -> tuple[Check, ...]:
    from pruning.sanity.texts import text_apart, text_overlap

    evaluation = _evaluation(folder, sizes)
    independent = text_for(folder, "evaluation", sizes.calibration_windows, sizes.window_tokens, _INDEPENDENT_SEED)
    if evaluation is None or independent is None:
        return ()
    calibration = _calibration_text(folder, sizes, seed)
    return text_apart(calibration, evaluation), text_overlap(calibration, evaluation, independent)


@lru_cache(maxsize=1)
def dense_model(folder: Path, device: str) -> "PreTrainedModel":
    """Keep the model of the last task on its device: tasks come in the order of models."""
    from pruning.models import load_model

    return load_model(folder).to(device)  # pyright: ignore[reportArgumentType]  # its stub knows no str


@lru_cache(maxsize=1)
def _dense_nonzeros(folder: Path, device: str) -> int:
    from pruning.adapters.find import find_adapter
    from pruning.evaluation.observe import count_nonzeros

    dense = dense_model(folder, device)
    return count_nonzeros(dense, find_adapter(dense))


@lru_cache(maxsize=1)
def _dense_logits(folder: Path, sizes: TextSizes, device: str) -> "tuple[torch.Tensor, ...] | None":
    """Keep what the model of the last experiment predicts of the evaluation text, where that is little."""
    from pruning.evaluation.scoring import kept_logits

    evaluation, dense = _evaluation(folder, sizes), dense_model(folder, device)
    if evaluation is None or not _predicts(dense, evaluation):
        return None
    return kept_logits(dense, evaluation.windows)


def _predicts(dense: "PreTrainedModel", evaluation: Text | None) -> bool:
    """Return whether there is a text and the model predicts the next token of it."""
    from pruning.adapters import find_adapter
    from pruning.evaluation.observe import predicts_text

    return evaluation is not None and predicts_text(dense, find_adapter(dense))


def _pruned(dense: "PreTrainedModel", experiment: Experiment) -> tuple["PreTrainedModel", Pruned]:
    """Return a pruned copy and what was removed from it."""
    from pruning.api import prune

    specification = experiment.specification
    assert experiment.folder is not None
    windows = () if specification.calibration is None else _calibration(experiment).windows
    model = copy.deepcopy(dense)
    pruned = prune(model, specification.method, specification.ratio, calibration=windows, seed=specification.seed)
    return model, pruned


def _calibration(experiment: Experiment) -> Text:
    assert experiment.folder is not None
    return _calibration_text(experiment.folder, experiment.sizes, experiment.specification.seed)


def _calibration_text(folder: Path, sizes: TextSizes, seed: int) -> Text:
    found = text_for(folder, "calibration", sizes.calibration_windows, sizes.window_tokens, seed)
    if found is None:
        raise UnsupportedModelError(NO_TEXT)
    return found


def _evaluation(folder: Path, sizes: TextSizes) -> Text | None:
    """Return the text that a model is measured on; None = its outputs are compared on noise."""
    return text_for(folder, "evaluation", sizes.evaluation_windows, sizes.window_tokens)
