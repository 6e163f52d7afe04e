"""How much a change to a model in memory hurts, against the model as it was, on the same windows.

Only the layers of the main stack may change. What the dense model computed is kept as far as memory goes: its logits,
and the states that enter a layer, so that layers before the first changed one need not run again. Where the logits do
not fit, the states that leave the last layer are kept, from which the unchanged rest of the model makes them again.
"""

from collections.abc import Hashable, Sequence
from math import exp, inf, isfinite
from typing import TYPE_CHECKING

from pipeline.inference import without_dropout
from pruning.adapters import Adapter, find_adapter
from pruning.batches import Batch, batches
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.evaluation.records import Measurement
from pruning.redundancy.skipping import SkippingStack
from pruning.redundancy.states import recorded, run_batch

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

DAMAGE_UNITS = {"loss_increase": "nats per token", "kl": "nats per token", "top1_agreement": "1", "perplexity": "1"}
# For the dense model's logits, and again for the states that enter layers: 1,000 tokens of a vocabulary of 150,000 in
# fp32 are 600 MB.
KEPT_BYTES = 1_000_000_000
# Logits that are worked on at a time in fp64: what fits a processor's cache (4 times as fast as all of them), or on
# another device enough to be worth a call.
_AT_ONCE = 1 << 15
_AT_ONCE_ON_DEVICE = 1 << 22


class DamageMeter:
    """Measures a model that predicts the next token again and again. Made while the model is dense.

    `loss_increase`: mean negative log-likelihood minus the dense model's; `kl`: mean KL divergence of the dense model's
    next-token distribution to this one's; `top1_agreement`: share of tokens with the same most likely successor, of
    equal ones the first; `perplexity`. All over the tokens after the first of every window, from the model's logits in
    fp64: an unchanged model has exactly 0, 0 and 1.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        windows: Sequence[Sequence[int]],
        adapter: Adapter | None = None,
        *,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        """Record the dense model.

        Raises `UnsupportedModelError` without a token to predict and for a model that does not predict the next one.
        """
        import torch

        self._model = model
        adapter = adapter or find_adapter(model)
        check_predicts_next(model, adapter)
        if not any(len(window) > 1 for window in windows):
            raise UnsupportedModelError("damage needs evaluation text of at least two tokens a window; there is none")
        self._windows = len(windows)
        self._batches = [*batches(windows)]
        self._layers = len(adapter.layers)
        self._stack = SkippingStack(model, adapter)
        self._adapter = adapter
        self._logits = _Kept(kept_bytes)
        self._entering = _Kept(kept_bytes)
        # Layers at which a run that starts there was compared with one of the whole model.
        self._starts: dict[int, bool] = {}
        # Per batch without kept logits: the states that leave the last layer, a vocabulary's share of the memory.
        self._leaving: dict[int, torch.Tensor] = {}
        with torch.inference_mode(), without_dropout(model):
            for index, batch in enumerate(self._batches):
                self._record(index, batch)

    def measured(self, from_layer: int = 0) -> dict[str, Measurement]:
        """Return every measure of the model as it is now; no layer before `from_layer` has changed.

        The numbers are the same for every `from_layer` that may be given. Raises `NotFiniteError`.
        """
        import torch

        sums = torch.zeros(4, dtype=torch.float64)
        tokens = 0
        with torch.inference_mode(), without_dropout(self._model):
            for index, batch in enumerate(self._batches):
                mine = self._predicting(index, batch, from_layer)
                labels = _predicted(batch).to(mine.device)
                sums += _summed(mine, self._dense(index, batch), labels)
                tokens += len(labels)
        loss, increase, kl, agreement = (sums / tokens).tolist()
        values = {"loss_increase": increase, "kl": kl, "top1_agreement": agreement, "perplexity": _exp(loss)}
        if not all(map(isfinite, values.values())):
            raise NotFiniteError(f"{type(self._model).__name__}: its loss on the evaluation text is NaN or infinite")
        return {name: Measurement(value, DAMAGE_UNITS[name], self._windows) for name, value in values.items()}

    def _record(self, index: int, batch: Batch) -> None:
        """Keep what the dense model says of a batch: its logits, or what they can be made of."""
        import torch

        states, logits = self._run_and_see(batch, self._layers)
        dense = _rows(batch, logits)
        if self._logits.add(index, dense):
            return
        if torch.equal(_rows(batch, self._run_from(batch, self._layers, states)), dense):
            self._leaving[index] = states
        else:
            self._logits.add(index, dense, always=True)

    def _dense(self, index: int, batch: Batch) -> "torch.Tensor":
        """Return the dense model's logits of a batch: (predicted tokens, vocabulary)."""
        kept = self._logits.get(index)
        return _rows(batch, self._run_from(batch, self._layers, self._leaving[index])) if kept is None else kept

    def _predicting(self, index: int, batch: Batch, layer: int) -> "torch.Tensor":
        """Return the logits of a batch: (predicted tokens, vocabulary); only `layer` and those after it changed."""
        import torch

        if layer == 0 or self._starts.get(layer) is False:
            return _rows(batch, self._run(batch))
        states = self._entering.get((index, layer))
        if states is not None:
            return _rows(batch, self._run_from(batch, layer, states))
        states, logits = self._run_and_see(batch, layer)
        if layer not in self._starts:
            # Where more than states goes from layer to layer, in a model of a new type, the whole of it has to run.
            self._starts[layer] = torch.equal(self._run_from(batch, layer, states), logits)
        if self._starts[layer]:
            self._entering.add((index, layer), states)
        return _rows(batch, logits)

    def _run(self, batch: Batch) -> "torch.Tensor":
        logits = getattr(run_batch(self._model, batch), "logits", None)
        if logits is None:
            raise UnsupportedModelError(
                f"{type(self._model).__name__}: looked for logits to measure damage with; it answers none"
            )
        return logits

    def _run_and_see(self, batch: Batch, boundary: int) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the states at a boundary of 1 ... L (i + 1 leaves layer i), and the logits."""
        seen = recorded(self._model, self._adapter, lambda states: states, (boundary,))
        with self._stack.answering(lambda _, __: None), seen as states:
            logits = self._run(batch)
        return states[boundary], logits

    def _run_from(self, batch: Batch, boundary: int, entering: "torch.Tensor") -> "torch.Tensor":
        """Return the logits when some states are at a boundary of 1 ... L; what is before it does not run."""

        def answer(layer: int, states: "torch.Tensor") -> "torch.Tensor | None":
            if layer == boundary - 1:
                return entering
            return states if layer < boundary else None

        with self._stack.answering(answer):
            return self._run(batch)


class _Kept:
    """Tensors by key, up to some bytes together."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._tensors: dict[Hashable, torch.Tensor] = {}

    def add(self, key: Hashable, tensor: "torch.Tensor", *, always: bool = False) -> bool:
        """Keep a tensor where there is room, or `always`; say whether."""
        if tensor.nbytes > self._left and not always:
            return False
        self._left -= tensor.nbytes
        self._tensors[key] = tensor
        return True

    def get(self, key: Hashable) -> "torch.Tensor | None":
        """Return a kept tensor."""
        return self._tensors.get(key)


def check_predicts_next(model: "PreTrainedModel", adapter: Adapter) -> None:
    """Raise `UnsupportedModelError` unless a model predicts the next token of a text from those before it."""
    reads = adapter.inputs[:1] == ("input_ids",) and model.get_output_embeddings() is not None
    if not reads or adapter.main.kind != "decoder" or adapter.main.crossed:
        raise UnsupportedModelError(
            f"{adapter.model_class}: expected a decoder that predicts the next token of a text; its main stack is of "
            f"kind {adapter.main.kind}, it reads {', '.join(adapter.inputs)}"
        )


def _summed(mine: "torch.Tensor", dense: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
    """Return the sums over tokens of loss, loss increase, KL divergence and agreement: (4), fp64, on the CPU.

    Logits are (tokens, vocabulary), labels (tokens).
    """
    import torch

    size = max(1, (_AT_ONCE if mine.device.type == "cpu" else _AT_ONCE_ON_DEVICE) // mine.shape[1])
    sums = torch.zeros(4, dtype=torch.float64, device=mine.device)
    for some, other, label in zip(mine.split(size), dense.split(size), labels.split(size), strict=True):
        log_q, log_p = some.double().log_softmax(1), other.double().log_softmax(1)
        kl = (log_p.exp() * (log_p - log_q)).sum()
        loss = -log_q.gather(1, label.unsqueeze(1)).sum()
        dense_loss = -log_p.gather(1, label.unsqueeze(1)).sum()
        agrees = (some.argmax(1) == other.argmax(1)).sum()
        sums += torch.stack([loss, loss - dense_loss, kl, agrees.double()])
    return sums.cpu()


def _rows(batch: Batch, logits: "torch.Tensor") -> "torch.Tensor":
    """Return the logits of the tokens that are predicted: (tokens, vocabulary)."""
    return logits[:, :-1][batch.attention_mask.bool()[:, 1:].to(logits.device)]


def _predicted(batch: Batch) -> "torch.Tensor":
    """Return the tokens that are predicted: all but the first of a window and padding."""
    return batch.token_ids[:, 1:][batch.attention_mask.bool()[:, 1:]]


def _exp(nats: float) -> float:
    return exp(nats) if nats < 709 else inf
