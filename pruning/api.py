"""The library: prune, heal, evaluate, benchmark and inspect a model."""

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING

from pipeline.inference import without_dropout
from pruning.adapters.find import find_adapter
from pruning.adapters.parts import Adapter
from pruning.errors import UnsupportedModelError
from pruning.library.given import ModelLike, check_counts, given_model, in_fp32
from pruning.library.texts import CALIBRATION_WINDOWS, EVALUATION_WINDOWS, WINDOW_TOKENS, TextLike, evaluation_text
from pruning.methods import METHODS, Pruned, PruningRequest, carry_out, check_method_ratio, refusal
from pruning.texts.windows import token_windows

if TYPE_CHECKING:
    from pandas import DataFrame
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

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
    model: ModelLike,
    text: TextLike | None = None,
    *,
    tokenizer: "PreTrainedTokenizerBase | None" = None,
    dense: ModelLike | None = None,
    repeats: int = 9,
    window_tokens: int = WINDOW_TOKENS,
    mask_token: int | None = None,
    extras: "Extras | None" = None,
) -> "dict[str, Measurement]":
    """Measure a model with every metric that applies to it (docs/METRICS.md), beside `dense` if given.

    `model` and `dense` are in memory, or a checkpoint's folder or name, which is loaded. They compute in fp32, on a
    copy where they have another precision; bytes are those of their own. `text`: windows of token ids, such as
    `tokenizer(texts)["input_ids"]`; words as a string, a list of documents or the `Path` of a file, cut into windows of
    `window_tokens` by `tokenizer` (that of the model's folder where it has one); "reference", the reference language,
    for models that speak it; or a `Text`, which may know its floor and its stride. `repeats` is the number of timed
    passes, `mask_token` a masked language model's `tokenizer.mask_token_id` where no tokenizer is known, `extras`
    pictures and the country for energy. Raises `UsageError` for what is no model or text and `PruningError`.
    """
    from pruning.evaluation import measure
    from pruning.evaluation.observe import observe

    check_counts(repeats=repeats, window_tokens=window_tokens)
    given = given_model(model, tokenizer)
    found = None if text is None else evaluation_text(given, text, window_tokens, None, mask_token)
    measured = in_fp32(given.model)
    beside = None if dense is None else in_fp32(given_model(dense).model)
    with without_dropout(measured), without_dropout(beside or measured):
        seen = observe(measured, found, dtype=given.dtype, repeats=repeats, dense=beside, extras=extras)
        return measure(seen)


def benchmark(
    model: ModelLike,
    methods: str | Sequence[str],
    ratios: float | Sequence[float],
    text: TextLike | None = None,
    *,
    calibration: TextLike | None = None,
    tokenizer: "PreTrainedTokenizerBase | None" = None,
    seeds: int = 1,
    evaluation_windows: int = EVALUATION_WINDOWS,
    calibration_windows: int = CALIBRATION_WINDOWS,
    window_tokens: int = WINDOW_TOKENS,
    repeats: int = 9,
    extras: "Extras | None" = None,
    progress: bool = True,
) -> "DataFrame":
    """Try methods at ratios on copies of a model, measured as the experiments of the pipeline are: a row each.

    `model`, `text` and `tokenizer` are what `evaluate` takes. `evaluation_windows` of the text are measured;
    `calibration` is the text that calibrated methods see, or else what follows those windows: of a text too short for
    both, both have their share. Seeds 0 to `seeds` - 1 draw what is random and which calibration windows are taken.
    Computes in fp32 on one thread; the model comes back unchanged.

    The first row is the dense model. Columns: model, method, scope, ratio, seed, status (done, refused, failed),
    reason, detail (what was removed, or why not), experiment_seconds; then every metric, its interval as NAME_low and
    NAME_high. `attrs["units"]` and `attrs["directions"]` say what the metrics are. A method that does not fit is a row;
    `UsageError` is raised for an unknown method, a ratio not in (0, 1) and texts that cannot be had or overlap.
    """
    from pruning.experiments.specification import TextSizes
    from pruning.library.run import run_benchmark

    return run_benchmark(
        model,
        [methods] if isinstance(methods, str) else methods,
        [float(ratios)] if isinstance(ratios, int | float | Real) else ratios,
        text,
        tokenizer=tokenizer,
        calibration=calibration,
        seeds=seeds,
        sizes=TextSizes(evaluation_windows, calibration_windows, window_tokens),
        repeats=repeats,
        extras=extras,
        progress=progress,
    )


def inspect(model: "PreTrainedModel") -> Adapter:
    """Return where a model's layers, attention and MLP are. Raises `UnsupportedModelError` naming what is missing."""
    return find_adapter(model)
