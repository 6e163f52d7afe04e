"""The library: prune, evaluate and inspect a model in memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pruning.adapters.find import find_adapter
from pruning.adapters.parts import Adapter
from pruning.batches import token_windows
from pruning.errors import UnsupportedModelError
from pruning.methods import METHODS, Pruned, PruningRequest, check_method_ratio, refusal
from pruning.models import without_dropout
from pruning.texts import Text

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pruning.evaluation.records import Measurement
    from pruning.healing.records import Healed


def prune(
    model: "PreTrainedModel",
    method: str,
    ratio: float,
    *,
    calibration: Sequence[Sequence[int]] = (),
    seed: int = 0,
) -> Pruned:
    """Prune a model in place and say what was removed.

    `ratio` is the share of the method's units (weights, MLP neurons, heads, layers) to remove, in (0, 1); what is zero
    already counts as a unit. `calibration` are windows of token ids, for methods that look at text. Raises `UsageError`
    for a ratio or a method that does not exist, or a window without tokens, and `PruningError` for a model that does
    not fit; the model is unchanged then, unless a weight is not finite. Text runs through the model without dropout.
    """
    import torch

    record = METHODS[method]
    check_method_ratio(record, ratio)
    windows = token_windows(calibration)
    adapter = find_adapter(model)
    why_not = refusal(record, adapter, has_text=bool(windows))
    if why_not:
        raise UnsupportedModelError(f"{method} on {adapter.model_class}: {why_not}")
    with torch.no_grad(), without_dropout(model):
        removal = record.function(PruningRequest(model, adapter, float(ratio), windows, seed))
    return Pruned(record.name, record.version, record.scope, ratio, seed if record.random else 0, removal)


def heal(
    model: "PreTrainedModel",
    calibration: Sequence[Sequence[int]],
    *,
    steps: int = 100,
    learning_rate: float | None = None,
    full: bool = False,
    seed: int = 0,
) -> "Healed":
    """Train a pruned causal language model in place for a few steps (`pruning.healing.train.heal`)."""
    from pruning.healing.train import heal as train

    return train(model, calibration, steps=steps, learning_rate=learning_rate, full=full, seed=seed)


def evaluate(
    model: "PreTrainedModel", text: Text | None = None, *, dense: "PreTrainedModel | None" = None, repeats: int = 15
) -> "dict[str, Measurement]":
    """Measure a model: perplexity on `text`, sizes (bytes as fp32 safetensors) and latency, beside `dense` if given.

    `repeats` is the number of timed forward passes. Raises `PruningError`.
    """
    import torch

    from pruning.evaluation import measure
    from pruning.evaluation.observe import observe

    with without_dropout(model), without_dropout(dense or model):
        return measure(observe(model, text, dtype=torch.float32, repeats=repeats, dense=dense))


def inspect(model: "PreTrainedModel") -> Adapter:
    """Return where a model's layers, attention and MLP are. Raises `UnsupportedModelError` naming what is missing."""
    return find_adapter(model)
