"""Layers whose pruning alone does less damage lose more (measured sensitivity, as in Han et al. 2015, arXiv 1506.02626,
section 4, figure 6)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pruning.adapters.parts import LayerParts
from pruning.batches import batches
from pruning.budgets.band import ratios_in_band, weights_by_layer
from pruning.budgets.records import Budget
from pruning.errors import UnsupportedModelError
from pruning.finite import check_finite

if TYPE_CHECKING:
    import torch

    from pruning.removal.records import PruningRequest, Removal

    Prune = Callable[[PruningRequest], Removal]


def damages(prune: "Prune", request: "PruningRequest") -> dict[str, float]:
    """Return by layer the mean over windows of KL(dense, pruned), nats, with that layer alone pruned at the ratio.

    Compared are the distributions at the last token of every window: one vector of the vocabulary a window is kept.
    """
    dense = last_log_probabilities(request)
    found: dict[str, float] = {}
    for layer in request.adapter.layers:
        with _restored(request, layer):
            prune(_for_one_layer(request, layer))
            found[layer.path] = _divergence(dense, last_log_probabilities(request))
    return found


def last_log_probabilities(request: "PruningRequest") -> "torch.Tensor":
    """Return the log probabilities at the last token of every window: (windows, vocabulary), fp64.

    Raises `UnsupportedModelError` for a model without logits of each token and `NotFiniteError`.
    """
    import torch

    device = next(request.model.get_input_embeddings().parameters()).device
    found = []
    with torch.no_grad():
        for batch in batches(request.windows):
            output = request.model(
                input_ids=batch.token_ids.to(device), attention_mask=batch.attention_mask.to(device), use_cache=False
            )
            logits = getattr(output, "logits", None)
            if logits is None or logits.dim() != 3:
                raise UnsupportedModelError(
                    f"{request.adapter.model_class}: looked for logits of each token, by which sensitivity is measured"
                )
            last = torch.tensor(batch.lengths, device=device) - 1
            found.append(logits[torch.arange(len(last), device=device), last].double().log_softmax(-1))
    joined = torch.cat(found)
    check_finite(joined, f"{request.adapter.model_class}: a log probability on the calibration text")
    return joined


def _divergence(dense: "torch.Tensor", other: "torch.Tensor") -> float:
    return float((dense.exp() * (dense - other)).sum(-1).mean())


def _for_one_layer(request: "PruningRequest", layer: LayerParts) -> "PruningRequest":
    """Return the same request about one layer: a method finds no other, and the model runs up to it as it is."""
    main = replace(request.adapter.main, layers=(layer,))
    return replace(request, adapter=replace(request.adapter, stacks=(main,), main=main))


@contextmanager
def _restored(request: "PruningRequest", layer: LayerParts) -> Iterator[None]:
    """Give a layer's weights back bit by bit in the end."""
    import torch

    weights = [matrix.weight(request.model) for matrix in layer.matrices]
    copies = [weight.detach().clone() for weight in weights]
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, copy in zip(weights, copies, strict=True):
                weight.copy_(copy)


def _ratios(prune: "Prune", request: "PruningRequest") -> Mapping[str, float]:
    return ratios_in_band(damages(prune, request), weights_by_layer(request.adapter.layers), request.ratio)


SENSITIVITY = Budget("sensitivity", "arXiv 1506.02626", _ratios, whole_model=True)
