"""The matrices below a module."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Projection

if TYPE_CHECKING:
    from torch import nn


def projections(module: "nn.Module", path: str) -> list[Projection]:
    """Return the matrices below a module in the order of their registration."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    found = []
    for name, child in module.named_modules(prefix=path):
        if isinstance(child, nn.Linear):
            found.append(Projection(name, child.in_features, child.out_features, transposed=False))
        elif isinstance(child, Conv1D):
            found.append(Projection(name, child.nx, child.nf, transposed=True))
    return found


def last_name(path: str) -> str:
    """Return the last part of a path, in lower case."""
    return path.rpartition(".")[2].lower()


def is_norm(module: "nn.Module") -> bool:
    """Return whether a module is a norm: transformers' own ones have no common base class but a common name."""
    return "norm" in type(module).__name__.lower() and next(module.children(), None) is None


def attribute(modules: Collection["nn.Module"], names: Collection[str]) -> set[int]:
    """Return the values, integers over 0, that modules have under one of these names."""
    values: list[Any] = [getattr(module, name, None) for module in modules for name in names]
    return {value for value in values if type(value) is int and value > 0}
