"""How the model calls its layers: everything beside the hidden states, taken from a real forward pass.

Masks, position embeddings, ALiBi and position ids differ by family and by release; whatever the model hands to a layer
is handed to it again. Only the first layer computes in that pass, the others answer what it answered, so that a tensor
stays a tensor, a tuple a tuple, and what the first layer passes on to all (T5's position bias) reaches them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruning.batches import Batch

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class LayerCall:
    """The arguments of one layer in one batch after the hidden states."""

    arguments: tuple[Any, ...]
    named: dict[str, Any]

    def run(self, layer: "nn.Module", states: "torch.Tensor") -> "torch.Tensor":
        """Return the hidden states that leave the layer: (windows, tokens, width)."""
        return leaving_states(layer(states, *self.arguments, **self.named))


def leaving_states(output: Any) -> "torch.Tensor":
    """Return the hidden states that a layer returns: a tensor, or a tuple (BLOOM) or list (the first GPT) with it."""
    return output[0] if isinstance(output, tuple | list) else output


class _AllCalled(Exception):  # noqa: N818  # no error: it ends a forward pass whose rest nobody needs
    """The last layer of the stack was called."""


class CallRecorder:
    """Records how a model calls its layers, batch by batch; equal tensors of different batches are kept once."""

    def __init__(self, model: "PreTrainedModel", layers: Sequence["nn.Module"]) -> None:
        self._model = model
        self._layers = layers
        self._known: dict[tuple[Any, ...], torch.Tensor] = {}

    def record(self, batch: Batch) -> tuple["torch.Tensor", tuple[LayerCall, ...]]:
        """Return the hidden states that enter the first layer, and the calls of all layers in their order."""
        first = self._layers[0].forward
        entered: list[torch.Tensor] = []
        calls: list[LayerCall] = []
        answers: list[Any] = []

        def called(*arguments: Any, **named: Any) -> Any:
            states, rest = (arguments[0], arguments[1:]) if arguments else (named.pop("hidden_states"), ())
            entered.append(states)
            calls.append(LayerCall(tuple(map(self._once, rest)), {key: self._once(named[key]) for key in named}))
            if len(calls) == len(self._layers):
                raise _AllCalled
            if not answers:
                answers.append(first(states, *rest, **named))
            return answers[0]

        device = next(self._model.get_input_embeddings().parameters()).device
        with _answered_by(self._layers, called), suppress(_AllCalled):
            self._model(
                input_ids=batch.token_ids.to(device),
                attention_mask=batch.attention_mask.to(device),
                use_cache=False,
            )
        return entered[0], tuple(calls)

    def _once(self, value: Any) -> Any:
        """Return a tensor seen before instead of an equal new one; masks are as long as the text is squared."""
        import torch

        if isinstance(value, tuple):
            return tuple(map(self._once, value))
        if not isinstance(value, torch.Tensor):
            return value
        known = self._known.setdefault((value.shape, value.dtype, value.device), value)
        return known if known is value or torch.equal(known, value) else value


@contextmanager
def _answered_by(layers: Sequence["nn.Module"], answer: Any) -> Iterator[None]:
    """Replace the computation of some modules for a while."""
    for layer in layers:
        layer.forward = answer
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
