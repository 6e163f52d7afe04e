"""Changing weights for a while: zeros, or copies of another layer's. Every bit comes back, whatever ends it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pruning.adapters.parts import Adapter
from pruning.errors import PruningError, UnsupportedModelError
from pruning.redundancy.mappings import Replacement
from pruning.redundancy.regions import Region
from pruning.redundancy.targets import copied_regions

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# A weight's and another's place in the model: the first is overwritten by the second.
Copies = tuple[tuple[Region, Region], ...]


@contextmanager
def zeroed(model: "PreTrainedModel", regions: Sequence[Region]) -> Iterator[None]:
    """Set regions to zero for a while. Raises `PruningError` if they do not come back bit by bit."""

    def write(views: "Sequence[torch.Tensor]") -> None:
        for view in views:
            view.zero_()

    with _changed(model, regions, write):
        yield


@contextmanager
def copied(model: "PreTrainedModel", copies: Copies) -> Iterator[None]:
    """Overwrite regions by others, which are none of them, for a while. Raises as `zeroed` does."""
    sources = [source.view(model) for _, source in copies]

    def write(views: "Sequence[torch.Tensor]") -> None:
        for view, source in zip(views, sources, strict=True):
            view.copy_(source)

    with _changed(model, [region for region, _ in copies], write):
        yield


def copies_of(model: "PreTrainedModel", adapter: Adapter, replacement: Replacement, target: str) -> Copies:
    """Return what is overwritten by what when a target of some layers is replaced by that of another layer.

    Raises `UnsupportedModelError` when the two differ in a parameter's name or shape, and as `copied_regions` does.
    """
    sources = copied_regions(model, adapter, replacement.source, target)
    copies: list[tuple[Region, Region]] = []
    for layer in replacement.layers:
        regions = copied_regions(model, adapter, layer, target)
        said = [_described(model, adapter, index, found) for index, found in
                ((layer, regions), (replacement.source, sources))]  # fmt: skip
        if said[0] != said[1]:
            mine, other = ({*said[0]} - {*said[1]}, {*said[1]} - {*said[0]})
            raise UnsupportedModelError(
                f"{target} of layer {layer} cannot be replaced by that of layer {replacement.source}: "
                f"{', '.join(sorted(mine)) or 'nothing more'} in one, "
                f"{', '.join(sorted(other)) or 'nothing more'} in the other"
            )
        copies += zip(regions, sources, strict=True)
    return tuple(copies)


def _described(model: "PreTrainedModel", adapter: Adapter, layer: int, regions: Sequence[Region]) -> list[str]:
    """Return each region's name in its layer with its shape."""
    path = f"{adapter.layers[layer].path}."
    return [
        f"{region.parameter.removeprefix(path)}[{region.start}] {tuple(region.view(model).shape)}" for region in regions
    ]


@contextmanager
def _changed(
    model: "PreTrainedModel", regions: Sequence[Region], write: "Callable[[Sequence[torch.Tensor]], None]"
) -> Iterator[None]:
    """Hold copies of what is changed, and of nothing else, meanwhile. Regions may overlap: all are copied first."""
    import torch

    with torch.no_grad():
        views = [region.view(model) for region in regions]
        kept = [view.clone() for view in views]
    try:
        with torch.no_grad():
            write(views)
        yield
    finally:
        with torch.no_grad():
            for view, before in zip(views, kept, strict=True):
                view.copy_(before)
        _check_restored(regions, views, kept)


def _check_restored(regions: Sequence[Region], views: "Sequence[torch.Tensor]", kept: "Sequence[torch.Tensor]") -> None:
    import torch

    for region, view, before in zip(regions, views, kept, strict=True):
        if not torch.equal(_bits(view), _bits(before)):
            raise PruningError(f"{region.parameter}: expected the bits it had before, got others; load the model again")


def _bits(values: "torch.Tensor") -> "torch.Tensor":
    """Return floats as whole numbers of their size: NaN is equal to itself then, and -0 is not 0."""
    import torch

    return values.view({1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[values.element_size()])
