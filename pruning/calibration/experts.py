"""The inputs of stacked experts' matrices, which no module of their own reads: torch's own calls are watched instead.

An expert's matrix is taken from its parameter by index and multiplied with the tokens that the router gave it; both
calls are seen by a TorchFunctionMode (https://pytorch.org/docs/stable/torch.overrides.html) whatever the model's class
is. Imports torch: import it where it is used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

from pruning.adapters.parts import ExpertParts, Projection

# (matrix, its inputs (tokens, features), which of the batch's tokens these are; None = all)
See = Callable[[Projection, torch.Tensor, torch.Tensor | None], None]
_PRODUCTS = frozenset(
    {torch.nn.functional.linear, torch.matmul, torch.mm, torch.Tensor.matmul, torch.Tensor.mm, torch.Tensor.__matmul__}
)


@contextmanager
def expert_inputs(model: PreTrainedModel, experts: ExpertParts, see: See) -> Iterator[None]:
    """Show what every expert's matrices read while a layer runs, the tokens of one expert at a time."""
    module = model.get_submodule(experts.path)
    parameters = {id(module.get_parameter(name)): name for name in experts.parameters}
    matrices = {(matrix.parameter, matrix.expert): matrix for matrix in experts.matrices}
    with _one_by_one(model), _Watch(parameters, matrices, see):
        yield


@contextmanager
def _one_by_one(model: PreTrainedModel) -> Iterator[None]:
    """Let experts run one after another, as the model's own code has it, and not in one kernel."""
    if not model._can_set_experts_implementation():
        yield
        return
    before = model.get_experts_implementation()
    model.set_experts_implementation("eager")
    try:
        yield
    finally:
        model.set_experts_implementation(before)


class _Watch(TorchFunctionMode):
    """Sees matrices taken from stacked parameters, tokens taken from a state, and products of both."""

    def __init__(
        self, parameters: Mapping[int, str], matrices: Mapping[tuple[str, int | None], Projection], see: See
    ) -> None:
        super().__init__()
        self._parameters = parameters
        self._matrices = matrices
        self._see = see
        self._taken: tuple[torch.Tensor, Projection] | None = None
        self._tokens: torch.Tensor | None = None

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function, and look at it when it is an index or a product."""
        result = func(*args, **(kwargs or {}))
        if func is torch.Tensor.__getitem__:
            self._index(args[0], args[1], result)
        elif func in _PRODUCTS and self._taken is not None and args[1] is self._taken[0]:
            self._see(self._taken[1], args[0], self._tokens)
        return result

    def _index(self, whole: torch.Tensor, index: Any, part: torch.Tensor) -> None:
        name = self._parameters.get(id(whole))
        if name is not None:
            matrix = self._matrices.get((name, int(index)))
            self._taken = None if matrix is None else (part, matrix)
        elif (
            isinstance(index, torch.Tensor) and index.dim() == 1 and whole.dim() == 2 and not index.is_floating_point()
        ):
            self._tokens = index
