"""Doing one experiment: runs in a child process, takes and returns plain values."""

import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pruning.errors import PruningError, UnsupportedModelError
from pruning.evaluation.records import Measurement
from pruning.experiments.specification import Experiment, TextSizes
from pruning.reference import prompts
from pruning.texts import NO_TEXT, Text, text_for
from store.records import ExperimentReason, ExperimentStatus

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

SAMPLES = 2


@dataclass(frozen=True)
class Result:
    """What came out of an experiment; without numbers unless `status` is "done"."""

    status: ExperimentStatus
    reason: ExperimentReason | None
    detail: str | None
    metrics: tuple[tuple[str, Measurement], ...] = ()
    samples: tuple[tuple[str, str], ...] = ()


def perform(experiment: Experiment) -> Result:
    """Do one experiment. What the project refuses is a result; anything else is raised and becomes the engine's."""
    try:
        return _measured(experiment)
    except PruningError as error:
        status: ExperimentStatus = "failed" if error.reason == "not_finite" else "refused"
        return Result(status, error.reason, str(error))


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
    dense = dense_model(folder)
    model, detail = (dense, None) if specification.ratio == 0 else _pruned(dense, experiment)
    seen = observe(
        model,
        evaluation,
        dtype=stored_dtype(folder),
        repeats=specification.latency_repeats,
        dense=None if model is dense else dense,
        dense_logits=None if model is dense else _dense_logits(folder, experiment.sizes),
    )
    return Result(
        "done",
        None,
        detail,
        tuple(measure(seen).items()),
        tuple(sample_texts(model, folder, prompts(SAMPLES))) if _predicts(folder, evaluation) else (),
    )


@lru_cache(maxsize=1)
def dense_model(folder: Path) -> "PreTrainedModel":
    """Keep the model of the last task: tasks come in the order of models."""
    from pruning.models import load_model

    return load_model(folder)


@lru_cache(maxsize=1)
def _dense_logits(folder: Path, sizes: TextSizes) -> "tuple[torch.Tensor, ...] | None":
    """Keep what the model of the last experiment predicts of the evaluation text, where that is little."""
    from pruning.evaluation.scoring import kept_logits

    evaluation = _evaluation(folder, sizes)
    if evaluation is None or not _predicts(folder, evaluation):
        return None
    return kept_logits(dense_model(folder), evaluation.windows)


def _predicts(folder: Path, evaluation: Text | None) -> bool:
    """Return whether there is a text and the model predicts the next token of it."""
    from pruning.adapters import find_adapter
    from pruning.evaluation.observe import predicts_text

    return evaluation is not None and predicts_text(find_adapter(dense_model(folder)))


def _pruned(dense: "PreTrainedModel", experiment: Experiment) -> tuple["PreTrainedModel", str]:
    """Return a pruned copy and what was removed from it."""
    from pruning.api import prune

    specification = experiment.specification
    assert experiment.folder is not None
    windows = () if specification.calibration is None else _calibration(experiment).windows
    model = copy.deepcopy(dense)
    pruned = prune(model, specification.method, specification.ratio, calibration=windows, seed=specification.seed)
    return model, pruned.sentence()


def _calibration(experiment: Experiment) -> Text:
    assert experiment.folder is not None
    sizes, seed = experiment.sizes, experiment.specification.seed
    found = text_for(experiment.folder, "calibration", sizes.calibration_windows, sizes.window_tokens, seed)
    if found is None:
        raise UnsupportedModelError(NO_TEXT)
    return found


def _evaluation(folder: Path, sizes: TextSizes) -> Text | None:
    """Return the text that a model is measured on; None = its outputs are compared on noise."""
    return text_for(folder, "evaluation", sizes.evaluation_windows, sizes.window_tokens)
