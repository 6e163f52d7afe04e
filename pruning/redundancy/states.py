"""Hidden states between layers, taken by hooks during ordinary forward passes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Adapter
from pruning.batches import batches
from pruning.calibration.calls import leaving_states

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def last_token_states(model: "PreTrainedModel", adapter: Adapter, windows: Sequence[Sequence[int]]) -> "torch.Tensor":
    """Return h_0 ... h_L at the last token of every window: (layers + 1, windows, hidden size), fp32.

    h_0 enters the first layer, h_L is the raw output of the last one, before the final norm. One forward a window.
    """
    import torch

    vectors: list[torch.Tensor] = []
    with torch.inference_mode(), _recorded(model, adapter) as states:
        for batch in batches(windows):
            states.clear()
            model(input_ids=batch.token_ids, attention_mask=batch.attention_mask, use_cache=False)
            rows = torch.arange(len(batch.lengths))
            last = torch.tensor(batch.lengths) - 1
            vectors.append(torch.stack([states[index][rows, last].float() for index in range(len(states))]))
    return torch.cat(vectors, dim=1)


@contextmanager
def _recorded(model: "PreTrainedModel", adapter: Adapter) -> Iterator[dict[int, "torch.Tensor"]]:
    """Fill a dictionary with the input of the first layer (0) and the output of layer i (i + 1) at every forward."""
    states: dict[int, torch.Tensor] = {}

    def enter(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        states[0] = arguments[0] if arguments else named["hidden_states"]

    def leave(position: int) -> Any:
        def hook(_: Any, __: Any, output: Any) -> None:
            states[position] = leaving_states(output)

        return hook

    stack = [model.get_submodule(layer.path) for layer in adapter.layers]
    handles = [stack[0].register_forward_pre_hook(enter, with_kwargs=True)]
    handles += [layer.register_forward_hook(leave(index + 1)) for index, layer in enumerate(stack)]
    try:
        yield states
    finally:
        for handle in handles:
            handle.remove()
