"""Timed passes of a model, in turns with its dense model, so that both meet the same noise of the machine."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any

from pruning.devices import device_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_WARM_UP = 3
Times = tuple[tuple[float, ...], tuple[float, ...]]


def time_forwards(
    model: "PreTrainedModel", dense: "PreTrainedModel | None", inputs: "Mapping[str, torch.Tensor]", repeats: int
) -> Times:
    """Return the seconds of `repeats` forward passes of both models; of the dense one none when it is None."""

    def forward(timed: "PreTrainedModel") -> Callable[[int], object]:
        arguments = pass_arguments(timed, inputs)
        return lambda _: timed(**arguments)

    return _in_turns(model, dense, forward, repeats)


def time_decoding(
    model: "PreTrainedModel", dense: "PreTrainedModel | None", token_ids: "torch.Tensor", repeats: int
) -> Times:
    """Return the seconds of single tokens at the end of `token_ids` (1, tokens), those before them cached.

    Both models read the same tokens. Nothing for a model that keeps no cache or cannot generate, and where the tokens
    are too few to warm up; there are fewer than `repeats` steps where the tokens are few.
    """
    import torch

    start = max(1, token_ids.shape[1] - _WARM_UP - repeats)
    steps = token_ids.shape[1] - start - _WARM_UP
    if steps < 1 or not (_keeps_cache(model) and model.can_generate()):
        return (), ()

    def cache(timed: "PreTrainedModel") -> Any:
        return getattr(timed(input_ids=token_ids[:, :start], use_cache=True), "past_key_values", None)

    def decode(timed: "PreTrainedModel") -> Callable[[int], object]:
        state = cache(timed)

        def step(turn: int) -> object:
            place = start + turn
            return timed(input_ids=token_ids[:, place : place + 1], past_key_values=state, use_cache=True)

        return step

    with torch.inference_mode():
        if cache(model) is None:  # what is recurrent keeps another state
            return (), ()
        return _in_turns(model, dense, decode, steps)


def _in_turns(
    model: "PreTrainedModel",
    dense: "PreTrainedModel | None",
    prepare: Callable[["PreTrainedModel"], Callable[[int], object]],
    repeats: int,
) -> Times:
    """Time what `prepare` makes of each model; who goes first changes every time. Warm-up comes first, untimed."""
    import torch

    times: tuple[list[float], ...] = ([], [])
    with torch.inference_mode():
        timed = [(device_of(one), prepare(one)) for one in ([model] if dense is None else [model, dense])]
        for turn in range(_WARM_UP + repeats):
            order = [*enumerate(timed)]
            for place, (device, work) in order if turn % 2 else reversed(order):
                times[place].append(_seconds(device, work, turn))
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


def _seconds(device: "torch.device", work: Callable[[int], Any], turn: int) -> float:
    """Return the time of a pass: of the processor on a CPU, else on the clock, the device waited for.

    On a CPU all of it happens on this thread, so on an idle machine that is the time on the clock; on a shared one the
    clock also counts the turns of other processes (up to 3 times as much, measured with two busy neighbours).
    """
    import torch

    if device.type == "cpu":
        started = thread_time()
        work(turn)
        return thread_time() - started
    torch.accelerator.synchronize(device)
    started = perf_counter()
    work(turn)
    torch.accelerator.synchronize(device)
    return perf_counter() - started


def pass_arguments(model: "PreTrainedModel", inputs: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor | bool]":
    """Return the arguments of a forward pass without a cache; what keeps none takes no argument about it."""
    return {**inputs, "use_cache": False} if _keeps_cache(model) else {**inputs}


def _keeps_cache(model: "PreTrainedModel") -> bool:
    return bool(getattr(model.config.get_text_config(), "use_cache", False))
