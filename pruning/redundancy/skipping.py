"""The loss of a model some of whose layers pass on what enters them: what it would be without them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Adapter
from pruning.batches import Batch, batches
from pruning.calibration.calls import leaving_states
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.evaluation.observe import batch_losses
from pruning.redundancy.states import run_batch

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# (layer, states that enter) -> states that leave it, None = let it compute them
Answer = Callable[[int, "torch.Tensor"], "torch.Tensor | None"]


class SkippingStack:
    """The main stack of a model that predicts the next token; its layers can be left out for a forward pass."""

    def __init__(self, model: "PreTrainedModel", adapter: Adapter) -> None:
        self._model = model
        self._name = adapter.model_class
        self._layers = [model.get_submodule(layer.path) for layer in adapter.layers]
        # What a layer that computes answers: a layer that passes on answers in the same form.
        self._answered: Any = None

    def losses_without_one(self, windows: Sequence[Sequence[int]], removed: Collection[int]) -> dict[int, float]:
        """Return the mean loss of a token, nats, without `removed` and one more layer, for each that can be the one.

        The layers before that one are not computed again. `removed` is empty the first time. Raises
        `UnsupportedModelError` when no token is predicted and `NotFiniteError` for a loss that is NaN or infinite.
        """
        import torch

        tokens = sum(len(window) - 1 for window in windows)
        if tokens == 0:
            raise UnsupportedModelError("perplexity needs calibration windows of at least two tokens; there is none")
        left = [index for index in range(len(self._layers)) if index not in removed]
        totals = dict.fromkeys(left, 0.0)
        with torch.inference_mode():
            for batch in batches(windows):
                entered = self._entering(batch, removed)
                for index in left:
                    totals[index] += self._loss(batch, removed, index, entered[index])
        unknown = next((index for index, total in totals.items() if not isfinite(total)), None)
        if unknown is not None:
            raise NotFiniteError(f"{self._name}: the loss on the text without layer {unknown} is NaN or infinite")
        return {index: total / tokens for index, total in totals.items()}

    def _entering(self, batch: Batch, removed: Collection[int]) -> "dict[int, torch.Tensor]":
        """Return the states that enter each layer when `removed` are left out."""
        entered: dict[int, torch.Tensor] = {}

        def answer(index: int, states: "torch.Tensor") -> "torch.Tensor | None":
            entered[index] = states
            return states if index in removed else None

        with self.answering(answer):
            run_batch(self._model, batch)
        return entered

    def _loss(self, batch: Batch, removed: Collection[int], without: int, entered: "torch.Tensor") -> float:
        """Return the summed loss of a batch without `removed` and `without`, which the states `entered` enter."""

        def answer(index: int, states: "torch.Tensor") -> "torch.Tensor | None":
            if index == without:
                return entered
            return states if index < without or index in removed else None

        with self.answering(answer):
            logits = getattr(run_batch(self._model, batch), "logits", None)
        if logits is None:
            raise UnsupportedModelError(f"{self._name}: looked for logits to measure perplexity with; it answers none")
        return sum(batch_losses(logits, batch))

    @contextmanager
    def answering(self, answer: Answer) -> Iterator[None]:
        """Let `answer` stand in for layers for a while. Some layer has to compute before the first one is left out."""
        for index, layer in enumerate(self._layers):
            layer.forward = self._standing_in(index, layer.forward, answer)
        try:
            yield
        finally:
            for layer in self._layers:
                del layer.forward

    def _standing_in(self, index: int, compute: Callable[..., Any], answer: Answer) -> Callable[..., Any]:
        def forward(*arguments: Any, **named: Any) -> Any:
            states = answer(index, arguments[0] if arguments else named["hidden_states"])
            if states is not None:
                return _in_form(self._answered, states)
            output = compute(*arguments, **named)
            if self._answered is None:
                self._answered = _in_form(output, leaving_states(output)[:0])
            return output

        return forward


def _in_form(answered: Any, states: "torch.Tensor") -> Any:
    """Return states as a layer returns them: alone, or first in a tuple or list."""
    if isinstance(answered, tuple | list):
        return type(answered)([states, *answered[1:]])
    return states
