"""Models of torch as more than one stage runs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def without_dropout(model: "nn.Module") -> Iterator[None]:
    """Let a model compute as in inference for a while; every module then trains or not as before."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
