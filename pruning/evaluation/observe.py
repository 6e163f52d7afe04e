"""Looking at a model once: losses, counts, bytes, times. All in fp32, on the device that the model is on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.adapters import Adapter, find_adapter
from pruning.batches import Batch
from pruning.checkpoint import measured_bytes
from pruning.devices import device_of
from pruning.evaluation.agreement import agreement, image_inputs, noise_inputs
from pruning.evaluation.energy import measure_energy
from pruning.evaluation.flops import count_flops
from pruning.evaluation.generated import generate
from pruning.evaluation.masked import MaskedScores, is_masked_language_model, masked_scores
from pruning.evaluation.peak import peak_bytes
from pruning.evaluation.records import Observation
from pruning.evaluation.scoring import score_windows, window_logits
from pruning.evaluation.timing import one_thread, time_decoding, time_forwards
from pruning.inputs import example_inputs
from pruning.texts import Text

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_TIMED_TOKENS = 128


@dataclass(frozen=True)
class Extras:
    """What is observed only when it is asked for.

    `images` are (pictures, channels, height, width) for a vision model, as its processor makes them; `energy_country`
    is the ISO code, in 3 letters, of the country whose electricity is used.
    """

    images: "torch.Tensor | None" = None
    energy_country: str | None = None


def observe(
    model: "PreTrainedModel",
    text: Text | None,
    *,
    dtype: "torch.dtype",
    repeats: int,
    dense: "PreTrainedModel | None" = None,
    dense_logits: "Sequence[torch.Tensor] | None" = None,
    extras: Extras | None = None,
) -> Observation:
    """Observe a model; `dense` is the model that it came from, None when it is the dense model itself.

    `dense_logits` are the dense model's `kept_logits` of the text; None = it is run beside the model.

    What is looked at follows from the kind of the main stack: decoders predict the text and write one; masked language
    models fill its gaps; all but decoders with a text are compared with the dense model on noise. `dtype` is how the
    weights are stored, for the bytes. Raises `UnsupportedModelError`, `NotFiniteError` and `UsageError`.
    """
    adapter = find_adapter(model)
    read = text if reads_text(model, adapter) else None
    if read and dense is not None:
        _check_comparable(model, adapter, dense)
    with one_thread():
        seen = _costs(model, dense, adapter, read, dtype, repeats)
        if text and predicts_text(model, adapter):
            seen = _with_text(seen, model, dense, text, dense_logits)
        else:
            seen = _with_agreement(seen, model, dense, adapter, text)
        return _with_extras(seen, model, dense, extras or Extras())


def reads_text(model: "PreTrainedModel", adapter: Adapter) -> bool:
    """Return whether windows of token ids are scored by a model: decoders and masked language models."""
    return predicts_text(model, adapter) or is_masked_language_model(model, adapter)


def predicts_text(model: "PreTrainedModel", adapter: Adapter) -> bool:
    """Return whether a model predicts the next token of a text alone: no bare decoder, nor one that classifies."""
    return adapter.main.kind == "decoder" and not adapter.main.crossed and model.get_output_embeddings() is not None


def _check_comparable(model: "PreTrainedModel", adapter: Adapter, dense: "PreTrainedModel") -> None:
    """Raise `UsageError` when the dense model's predictions are not of the same tokens."""
    if predicts_text(dense, find_adapter(dense)) != predicts_text(model, adapter):
        what = "the next token" if predicts_text(model, adapter) else "tokens that are hidden"
        raise UsageError(f"dense: expected a model that predicts {what}, got {type(dense).__name__}")
    sizes = [each.config.get_text_config().vocab_size for each in (model, dense)]
    if sizes[0] != sizes[1]:
        raise UsageError(f"dense: expected a model with the same vocabulary, of {sizes[0]} tokens, got {sizes[1]}")


def _costs(
    model: "PreTrainedModel",
    dense: "PreTrainedModel | None",
    adapter: Adapter,
    text: Text | None,
    dtype: "torch.dtype",
    repeats: int,
) -> Observation:
    """Observe what needs no answer to be looked at."""
    inputs = timed_inputs(model, text)
    seconds, dense_seconds = time_forwards(model, dense, inputs, repeats)
    decoding = time_decoding(model, dense, inputs["input_ids"], repeats) if predicts_text(model, adapter) else ((), ())
    return Observation(
        window_losses=(),
        window_tokens=(),
        floor_nats_per_token=None,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        nonzeros=count_nonzeros(model, adapter),
        dense_prunable_weights=(find_adapter(dense) if dense else adapter).prunable_weights,
        file_bytes=measured_bytes(model, dtype),
        seconds=seconds,
        dense_seconds=dense_seconds,
        decode_seconds=decoding[0],
        dense_decode_seconds=decoding[1],
        peak_bytes=peak_bytes(model, inputs),
        flops=count_flops(model, inputs),
    )


def _with_text(
    seen: Observation,
    model: "PreTrainedModel",
    dense: "PreTrainedModel | None",
    text: Text,
    dense_logits: "Sequence[torch.Tensor] | None",
) -> Observation:
    if not any(text.scored_tokens):
        raise UsageError("expected a window of at least two token ids: the first of each is given, not predicted")
    beside = (dense_logits or window_logits(dense, text.windows)) if dense else None
    scores = score_windows(model, text.windows, text.scored_from, beside)
    return replace(
        _with_windows(seen, text),
        window_losses=scores.losses,
        window_tokens=text.scored_tokens,
        floor_nats_per_token=text.floor_nats_per_token,
        dense_losses=scores.dense_losses,
        kl=scores.kl,
        agreements=scores.agreements,
        generated=generate(model, dense, text.windows),
    )


def _with_agreement(
    seen: Observation,
    model: "PreTrainedModel",
    dense: "PreTrainedModel | None",
    adapter: Adapter,
    text: Text | None,
) -> Observation:
    noise = agreement(model, dense, noise_inputs(model)) if dense else None
    if text is None or text.mask_token is None or not is_masked_language_model(model, adapter):
        return replace(seen, noise=noise)
    scores: MaskedScores = masked_scores(model, text.windows, text.mask_token)
    return replace(_with_windows(seen, text), noise=noise, pseudo_losses=scores.losses, pseudo_tokens=scores.tokens)


def _with_windows(seen: Observation, text: Text) -> Observation:
    longest = max(map(len, text.windows))
    return replace(seen, window=longest, stride=text.stride or longest)


def _with_extras(
    seen: Observation, model: "PreTrainedModel", dense: "PreTrainedModel | None", extras: Extras
) -> Observation:
    if extras.images is not None and dense:
        seen = replace(seen, images=agreement(model, dense, image_inputs(model, extras.images)))
    if extras.energy_country is not None:
        inputs = example_inputs(model, seen.window or _TIMED_TOKENS)
        seen = replace(seen, energy=measure_energy(model, inputs, extras.energy_country))
    return seen


def window_losses(model: "PreTrainedModel", windows: Sequence[Sequence[int]]) -> list[float]:
    """Return the summed negative log-likelihood of each window after its first token, nats, added up in fp64."""
    return [*score_windows(model, windows, [1] * len(windows)).losses]


def batch_losses(logits: "torch.Tensor", batch: Batch) -> list[float]:
    """Return the summed negative log-likelihood of each window of a batch: logits are (windows, tokens, vocabulary)."""
    import torch

    labels = batch.token_ids.masked_fill(batch.attention_mask == 0, -100)[:, 1:].to(logits.device)
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), labels.flatten(), ignore_index=-100, reduction="none"
    )
    return losses.double().view(labels.shape).sum(dim=1).tolist()


def count_nonzeros(model: "PreTrainedModel", adapter: Adapter) -> int:
    """Return how many prunable weights are not zero."""
    import torch

    with torch.inference_mode():
        return sum(int(torch.count_nonzero(matrix.weight(model))) for matrix in adapter.prunable)


def timed_inputs(model: "PreTrainedModel", text: Text | None) -> "dict[str, torch.Tensor]":
    """Return what the timed forward pass reads: the longest window of the text, or an example without one."""
    import torch

    if text:
        return {"input_ids": torch.tensor([max(text.windows, key=len)], device=device_of(model))}
    return example_inputs(model, _TIMED_TOKENS)
