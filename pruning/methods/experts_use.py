"""Experts that the router gives the fewest tokens of the calibration text.

The frequency criterion that Lu et al. 2024, arXiv 2402.14800, and Muzio et al. 2024, arXiv 2404.05089, start from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import ExpertParts
from pruning.batches import batches
from pruning.errors import UnsupportedModelError
from pruning.removal.experts import experts_of, remove_experts
from pruning.removal.records import Method, PruningRequest, Removal

if TYPE_CHECKING:
    import torch


def remove_unused_experts(request: PruningRequest) -> Removal:
    """Remove the experts that the fewest tokens reach in the dense model; ties by index."""
    use = expert_use(request)
    return remove_experts(request, lambda experts: use[experts.path])


def expert_use(request: PruningRequest) -> dict[str, "torch.Tensor"]:
    """Return by path of the experts how many tokens of the calibration text reach each: (count,), float64.

    Raises `UnsupportedModelError` when the model does not tell its experts which tokens are whose.
    """
    import torch

    mixtures = [experts_of(layer) for layer in request.adapter.all_layers if layer.experts]
    use = {experts.path: torch.zeros(experts.count, dtype=torch.float64) for experts in mixtures}
    device = next(request.model.get_input_embeddings().parameters()).device
    with torch.no_grad(), _counting(request, mixtures, use):
        # Windows of one length need no padding, which would be routed as well.
        for length in sorted({len(window) for window in request.windows}):
            for batch in batches([window for window in request.windows if len(window) == length]):
                request.model(input_ids=batch.token_ids.to(device), use_cache=False)
    silent = next((path for path, counts in use.items() if not counts.any()), None)
    if silent is not None:
        raise UnsupportedModelError(f"looked for tokens of the calibration text that reach {silent}; none did")
    return use


@contextmanager
def _counting(request: PruningRequest, mixtures: list[ExpertParts], use: dict[str, "torch.Tensor"]) -> Iterator[None]:
    """Add up what reaches experts in every run of the model."""
    handles = []
    for experts in mixtures:
        module = request.model.get_submodule(experts.path)
        readers = (
            [(module, None)] if experts.stacked else [(each, index) for index, each in enumerate(module.children())]
        )
        for reader, index in readers:
            hook = _hook(experts, index, use[experts.path])
            handles.append(reader.register_forward_pre_hook(hook, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(experts: ExpertParts, index: int | None, counts: "torch.Tensor") -> Any:
    """Return the hook that counts the choices given to stacked experts, or the tokens given to one of a list."""
    import torch

    def count(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if index is not None:
            counts[index] += arguments[0].shape[:-1].numel()
            return
        chosen = _choices(experts, (*arguments, *named.values()))
        counts.add_(torch.bincount(chosen.reshape(-1).cpu(), minlength=experts.count))

    return count


def _choices(experts: ExpertParts, given: tuple[Any, ...]) -> "torch.Tensor":
    """Return the indices of the experts that each token uses: (tokens, per_token)."""
    import torch

    for value in given:
        if (
            isinstance(value, torch.Tensor)
            and not value.is_floating_point()
            and value.shape[-1:] == (experts.per_token,)
        ):
            return value
    raise UnsupportedModelError(
        f"looked for the {experts.per_token} experts that each token uses among what {experts.path} is given"
    )


EXPERTS_USE = Method(
    "experts-use",
    1,
    "arXiv 2402.14800, 2404.05089 (frequency)",
    "expert",
    calibrated=True,
    random=False,
    function=remove_unused_experts,
)
