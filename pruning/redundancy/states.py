"""Hidden states between layers, taken by hooks during ordinary forward passes."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Adapter
from pruning.batches import Batch, batches
from pruning.calibration.calls import leaving_states
from pruning.errors import NotFiniteError, UnsupportedModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# (states of a batch (windows, tokens, width), the batch) -> the tokens that are looked at (rows, width)
Take = Callable[["torch.Tensor", Batch], "torch.Tensor"]


def last_tokens(states: "torch.Tensor", batch: Batch) -> "torch.Tensor":
    """Return the last token of every window: (windows, width)."""
    import torch

    return states[torch.arange(len(batch.lengths)), torch.tensor(batch.lengths) - 1]


def all_tokens(states: "torch.Tensor", batch: Batch) -> "torch.Tensor":
    """Return all tokens that are no padding: (tokens, width)."""
    return states[batch.attention_mask.bool().to(states.device)]


def text_states(
    model: "PreTrainedModel", adapter: Adapter, windows: Sequence[Sequence[int]], take: Take, what: str
) -> Iterator["torch.Tensor"]:
    """Yield `layer_states` at all boundaries, batch by batch; `what` is the name of what needs them.

    Raises `UnsupportedModelError` without text and for a model that text alone does not run through layer by layer, and
    `NotFiniteError` for NaN or infinite states.
    """
    import torch

    check_states(adapter, what)
    if not windows:
        raise UnsupportedModelError(f"{what} needs calibration text in the model's vocabulary; there is none")
    for batch in batches(windows):
        states = layer_states(model, adapter, batch, take)
        if not torch.isfinite(states).all():
            raise NotFiniteError(f"{adapter.model_class}: a hidden state is NaN or infinite on the calibration text")
        yield states


def check_states(adapter: Adapter, what: str) -> None:
    """Raise `UnsupportedModelError` unless text runs through one stack whose layers run once each."""
    if adapter.inputs == ("input_ids",) and not adapter.main.crossed and not adapter.main.shares_layers:
        return
    stacks = " and ".join(stack.name for stack in adapter.stacks)
    raise UnsupportedModelError(
        f"{what}: expected a model that reads text with one stack of layers of their own; {adapter.model_class} reads "
        f"{', '.join(adapter.inputs)} with its {stacks}"
        + (", whose layers run repeatedly" * adapter.main.shares_layers)
    )


def layer_states(
    model: "PreTrainedModel",
    adapter: Adapter,
    batch: Batch,
    take: Take,
    boundaries: Sequence[int] | None = None,
) -> "torch.Tensor":
    """Return the taken tokens of a batch at some boundaries of 0 ... L, None = all: (boundaries, rows, width), fp32.

    h_0 enters the first layer, h_L is the raw output of the last one, before the final norm. Nothing else is held.
    """
    import torch

    wanted = range(len(adapter.layers) + 1) if boundaries is None else boundaries
    seen = recorded(model, adapter, lambda states: take(states, batch), wanted)
    with torch.inference_mode(), seen as states:
        run_batch(model, batch)
        stacked = torch.stack([states[index] for index in wanted])
        # What was recorded goes before the copy in fp32 is made.
        states.clear()
        return stacked.float()


def run_batch(model: "PreTrainedModel", batch: Batch) -> Any:
    """Return what a model answers to a batch of text, no cache kept."""
    device = next(model.get_input_embeddings().parameters()).device
    return model(input_ids=batch.token_ids.to(device), attention_mask=batch.attention_mask.to(device), use_cache=False)


@contextmanager
def recorded(
    model: "PreTrainedModel",
    adapter: Adapter,
    take: Callable[["torch.Tensor"], "torch.Tensor"],
    boundaries: Collection[int],
) -> Iterator[dict[int, "torch.Tensor"]]:
    """Fill a dictionary with what is taken of the input of the first layer (0) and the output of layer i (i + 1)."""
    states: dict[int, torch.Tensor] = {}

    def enter(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        states[0] = take(arguments[0] if arguments else named["hidden_states"])

    def leave(position: int) -> Any:
        def hook(_: Any, __: Any, output: Any) -> None:
            states[position] = take(leaving_states(output))

        return hook

    stack = [model.get_submodule(layer.path) for layer in adapter.layers]
    handles = [stack[index - 1].register_forward_hook(leave(index)) for index in boundaries if index]
    if 0 in boundaries:
        handles.append(stack[0].register_forward_pre_hook(enter, with_kwargs=True))
    try:
        yield states
    finally:
        for handle in handles:
            handle.remove()
