"""Looking at a model: losses on the text, counts, bytes, times. All in fp32, on the device that the model is on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

from pruning.adapters import Adapter, find_adapter
from pruning.batches import Batch, batches
from pruning.checkpoint import measured_bytes
from pruning.devices import device_of
from pruning.evaluation.records import Observation
from pruning.inputs import example_inputs
from pruning.texts import Text

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_WARM_UP = 3
_TIMED_TOKENS = 128


def observe(
    model: "PreTrainedModel",
    text: Text | None,
    *,
    dtype: "torch.dtype",
    repeats: int,
    dense: "PreTrainedModel | None" = None,
) -> Observation:
    """Observe a model; `dense` is the model that it came from, None when it is the dense model itself.

    `dtype` is how the weights are stored, for the bytes. Raises `UnsupportedModelError`.
    """
    adapter = find_adapter(model)
    with one_thread():
        text = text if adapter.main.kind == "decoder" and not adapter.main.crossed else None
        losses = window_losses(model, text.windows) if text else ()
        seconds, dense_seconds = time_forwards(model, dense, timed_inputs(model, text), repeats)
    return Observation(
        window_losses=tuple(losses),
        window_tokens=tuple(len(window) - 1 for window in text.windows) if text else (),
        floor_nats_per_token=text.floor_nats_per_token if text else None,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        nonzeros=count_nonzeros(model, adapter),
        dense_prunable_weights=(find_adapter(dense) if dense else adapter).prunable_weights,
        file_bytes=measured_bytes(model, dtype),
        seconds=seconds,
        dense_seconds=dense_seconds,
    )


def window_losses(model: "PreTrainedModel", windows: Sequence[Sequence[int]]) -> list[float]:
    """Return the summed negative log-likelihood of each window after its first token, nats, added up in fp64."""
    import torch

    found: list[float] = []
    device = device_of(model)
    with torch.inference_mode():
        for batch in batches(windows):
            token_ids, mask = batch.token_ids.to(device), batch.attention_mask.to(device)
            output = model(input_ids=token_ids, attention_mask=mask, use_cache=False)
            found += batch_losses(output.logits, batch)
    return found


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


def time_forwards(
    model: "PreTrainedModel", dense: "PreTrainedModel | None", inputs: "Mapping[str, torch.Tensor]", repeats: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the seconds of `repeats` forward passes of both models.

    They take turns, and who goes first changes every time, so that both meet the same noise of the machine.
    """
    import torch

    models = [model] if dense is None else [model, dense]
    times: tuple[list[float], ...] = ([], [])
    with torch.inference_mode():
        for repeat in range(_WARM_UP + repeats):
            order = [*enumerate(models)]
            for place, timed in order if repeat % 2 else reversed(order):
                times[place].append(_seconds(timed, inputs))
    return tuple(times[0][_WARM_UP:]), tuple(times[1][_WARM_UP:])


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums come out the same on any machine size, and times are comparable."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _seconds(model: "PreTrainedModel", inputs: "Mapping[str, torch.Tensor]") -> float:
    """Return the time of a forward pass: of the processor on a CPU, else on the clock, the device waited for.

    On a CPU all of it happens on this thread, so on an idle machine that is the time on the clock; on a shared one the
    clock also counts the turns of other processes (up to 3 times as much, measured with two busy neighbours).
    """
    import torch

    # What keeps no cache takes no argument about it.
    cached = {"use_cache": False} if getattr(model.config.get_text_config(), "use_cache", False) else {}
    device = device_of(model)
    if device.type == "cpu":
        started = thread_time()
        model(**inputs, **cached)
        return thread_time() - started
    torch.accelerator.synchronize(device)
    started = perf_counter()
    model(**inputs, **cached)
    torch.accelerator.synchronize(device)
    return perf_counter() - started
