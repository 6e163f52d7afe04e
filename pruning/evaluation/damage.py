"""How much a change to a model in memory hurts, against the model as it was, on the same windows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pruning.batches import Batch, batches
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.evaluation.records import Measurement

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

DAMAGE_UNITS = {"loss_increase": "nats per token", "kl": "nats per token", "top1_agreement": "1", "perplexity": "1"}


class DamageMeter:
    """Measures a model that predicts the next token again and again. Made while the model is dense.

    `loss_increase`: mean negative log-likelihood minus the dense model's; `kl`: mean KL divergence of the next-token
    distribution from the dense model's; `top1_agreement`: share of tokens with the same most likely successor;
    `perplexity`. All over the tokens after the first of every window.
    """

    def __init__(self, model: "PreTrainedModel", windows: Sequence[Sequence[int]]) -> None:
        """Record the dense model. Raises `UnsupportedModelError` without text."""
        if not windows:
            raise UnsupportedModelError("damage needs evaluation text in the model's vocabulary; there is none")
        self._model = model
        self._windows = windows
        self._batches = [*batches(windows)]
        self._dense = [self._log_probabilities(batch) for batch in self._batches]

    def measured(self) -> dict[str, Measurement]:
        """Return every measure of the model as it is now. Raises `NotFiniteError`."""
        import torch

        sums = torch.zeros(4, dtype=torch.float64)
        tokens = 0
        for batch, dense in zip(self._batches, self._dense, strict=True):
            mine = self._log_probabilities(batch)
            labels = _predicted(batch, batch.token_ids).to(mine.device).unsqueeze(1)
            loss, dense_loss = -mine.gather(1, labels).double(), -dense.gather(1, labels).double()
            kl = (dense.exp() * (dense - mine)).sum(1, dtype=torch.float64)
            agrees = mine.argmax(1) == dense.argmax(1)
            sums += torch.stack([loss.sum(), (loss - dense_loss).sum(), kl.sum(), agrees.double().sum()]).cpu()
            tokens += len(labels)
        loss, increase, kl, agreement = (sums / tokens).tolist()
        if not torch.isfinite(sums).all():
            raise NotFiniteError(f"{type(self._model).__name__}: its loss on the evaluation text is NaN or infinite")
        values = {
            "loss_increase": increase,
            "kl": kl,
            "top1_agreement": agreement,
            "perplexity": float(torch.tensor(loss, dtype=torch.float64).exp()),
        }
        return {name: Measurement(value, DAMAGE_UNITS[name], len(self._windows)) for name, value in values.items()}

    def _log_probabilities(self, batch: Batch) -> "torch.Tensor":
        """Return (predicted tokens, vocabulary), fp32."""
        import torch

        from pruning.redundancy.states import run_batch

        with torch.inference_mode():
            logits = getattr(run_batch(self._model, batch), "logits", None)
            if logits is None:
                raise UnsupportedModelError(
                    f"{type(self._model).__name__}: looked for logits to measure damage with; it answers none"
                )
            mask = batch.attention_mask.bool()[:, 1:].to(logits.device)
            return logits[:, :-1][mask].float().log_softmax(1)


def _predicted(batch: Batch, values: "torch.Tensor") -> "torch.Tensor":
    """Return the values of the tokens that are predicted: all but the first of a window and padding."""
    return values[:, 1:][batch.attention_mask.bool()[:, 1:]]
