"""Hidden states between layers, taken by hooks during ordinary forward passes."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Adapter
from pruning.batches import Batch
from pruning.calibration.calls import leaving_states

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
        return torch.stack([states[index].float() for index in wanted])


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
