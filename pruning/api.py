"""The library: prune, evaluate and inspect a model in memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.inference import without_dropout
from pruning.adapters.find import find_adapter
from pruning.adapters.parts import Adapter
from pruning.errors import UnsupportedModelError
from pruning.methods import METHODS, Pruned, PruningRequest, carry_out, check_method_ratio, refusal
from pruning.texts import Text
from pruning.texts.windows import hash_of_token_ids, token_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pruning.evaluation.observe import Extras
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
    already counts as a unit. `calibration` are windows of token ids, such as `tokenizer(texts)["input_ids"]`, for
    methods that look at text; it runs through the model without dropout. `model.save_pretrained` saves what comes out.
    Raises `UsageError` for a
    ratio, a method or tokens that do not exist and `PruningError` for a model that does not fit; the model is unchanged
    then, unless a weight is not finite.
    """
    import torch

    record = METHODS[method]
    check_method_ratio(record, ratio)
    adapter = find_adapter(model)
    why_not = refusal(record, adapter, has_text=len(calibration) > 0)
    if why_not:
        raise UnsupportedModelError(f"{method} on {adapter.model_class}: {why_not}")
    windows = token_windows(model, calibration)
    with torch.no_grad(), without_dropout(model):
        return carry_out(record, PruningRequest(model, adapter, float(ratio), windows, seed))


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
    model: "PreTrainedModel",
    text: Text | Sequence[Sequence[int]] | None = None,
    *,
    dense: "PreTrainedModel | None" = None,
    repeats: int = 15,
    mask_token: int | None = None,
    extras: "Extras | None" = None,
) -> "dict[str, Measurement]":
    """Measure a model with every metric that applies to it (docs/METRICS.md), beside `dense` if given.

    `text` are windows of token ids, or a `Text`, which may know its floor and its stride; bytes are those of fp32
    safetensors. `repeats` is the number of timed passes, `mask_token` a masked language model's
    `tokenizer.mask_token_id`, `extras` pictures and the country for energy. Raises `UsageError` for what is no text and
    `PruningError`.
    """
    import torch

    from pruning.evaluation import measure
    from pruning.evaluation.observe import observe

    if text is not None and not isinstance(text, Text):
        windows = token_windows(model, text)
        text = Text(windows, hash_of_token_ids(windows), None, "the windows given", mask_token=mask_token)
    with without_dropout(model), without_dropout(dense or model):
        return measure(observe(model, text, dtype=torch.float32, repeats=repeats, dense=dense, extras=extras))


def inspect(model: "PreTrainedModel") -> Adapter:
    """Return where a model's layers, attention and MLP are. Raises `UnsupportedModelError` naming what is missing."""
    return find_adapter(model)
