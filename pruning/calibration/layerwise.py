"""Calibration layer by layer: a layer sees what the pruned layers before it compute, as in Wanda and SparseGPT.

For each layer: all batches once for the statistics of its matrices' inputs, the change, all batches again for the
inputs of the next layer. One layer's weights and one layer's inputs are in memory at a time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from pruning.adapters.parts import LayerParts, Projection
from pruning.batches import Batch, batches
from pruning.calibration.calls import CallRecorder, LayerCall
from pruning.calibration.states import HiddenStates
from pruning.calibration.statistics import Statistic
from pruning.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from pruning.removal.records import PruningRequest

R = TypeVar("R")
MakeStatistic = Callable[[Projection, "torch.device"], Statistic[R]]
# (layer, result by path of its matrices); matrices that read one tensor share one result
Change = Callable[[LayerParts, Mapping[str, R]], None]
# layer -> its matrices whose inputs matter
Readers = Callable[[LayerParts], Sequence[Projection]]


def all_matrices(layer: LayerParts) -> Sequence[Projection]:
    """Return every prunable matrix of a layer."""
    return layer.matrices


def change_layer_by_layer(
    request: "PruningRequest", make: MakeStatistic[R], change: Change[R], readers: Readers = all_matrices
) -> None:
    """Show every layer the statistics of its inputs over all tokens that are no padding, and let `change` change it.

    Raises `UnsupportedModelError` when a matrix never reads a token and
    `NotFiniteError` when its inputs are not finite; the layers before it are changed then.
    """
    _walk(request, make, change, readers, changes=True)


def show_layer_by_layer(
    request: "PruningRequest", make: MakeStatistic[R], show: Change[R], readers: Readers = all_matrices
) -> None:
    """Do the same with layers that stay as they are, in one run a layer: what it answers while it is observed is what
    the next one reads."""
    _walk(request, make, show, readers, changes=False)


def _walk(
    request: "PruningRequest", make: MakeStatistic[R], change: Change[R], readers: Readers, *, changes: bool
) -> None:
    import torch

    texts = list(batches(request.windows))
    layers = request.adapter.layers
    stack = [request.model.get_submodule(layer.path) for layer in layers]
    hold = request.layers.changing if changes else request.layers.reading
    with torch.no_grad(), HiddenStates(request.state_bytes) as states:
        calls: list[tuple[LayerCall, ...]] = []
        for index, (layer, module) in enumerate(zip(layers, stack, strict=True)):
            with hold(layer):
                if index == 0:
                    calls = _first_calls(request, stack, texts, states)
                observed = _Observed(readers(layer), make)
                with _observing(request, observed), _experts_observed(request, layer, observed):
                    for place, text in enumerate(texts):
                        observed.begin(text)
                        leaving = calls[place][index].run(module, states[place])
                        if not changes:
                            states[place] = leaving
                change(layer, observed.results())
                if changes and index + 1 < len(layers):
                    for place in range(len(texts)):
                        states[place] = calls[place][index].run(module, states[place])


def _first_calls(
    request: "PruningRequest", stack: Sequence["nn.Module"], texts: Sequence[Batch], states: HiddenStates
) -> list[tuple[LayerCall, ...]]:
    """Fill in the states that enter the first layer and return how each batch calls each layer."""
    recorder = CallRecorder(request.model, stack)
    calls = []
    for place, text in enumerate(texts):
        states[place], found = recorder.record(text)
        calls.append(found)
    return calls


class _Observed:
    """The statistics of some matrices of one layer while its batches run."""

    def __init__(self, matrices: Sequence[Projection], make: MakeStatistic[Any]) -> None:
        self.matrices = matrices
        self._make = make
        self._mask: torch.Tensor | None = None
        # By path: the first matrix that reads the same tensor. Known after the first batch.
        self._leaders: dict[str, str] = {}
        self._statistics: dict[str, Statistic[Any]] = {}
        # Inputs seen in this batch whose reader was not known: held, so that no address is used twice.
        self._held: dict[tuple[Any, ...], tuple[str, torch.Tensor]] = {}
        self._experts_on: torch.device | None = None  # None = no expert has read a token

    def begin(self, text: Batch) -> None:
        """Say which batch comes next."""
        self._mask = None if bool(text.attention_mask.all()) else text.attention_mask.bool().view(-1)
        self._held.clear()

    def see(self, matrix: Projection, inputs: "torch.Tensor") -> None:
        """Take in the inputs of a matrix: (..., features), of which the leading dimensions are windows and tokens."""
        if self._leader(matrix, inputs) != matrix.path:
            return
        if matrix.path not in self._statistics:
            self._statistics[matrix.path] = self._make(matrix, inputs.device)
        self._statistics[matrix.path].add(self._tokens(matrix, inputs))

    def see_expert(self, matrix: Projection, inputs: "torch.Tensor", tokens: "torch.Tensor | None") -> None:
        """Take in what the matrix of one expert reads: (tokens, features); `tokens` says which of the batch's."""
        rows = inputs if self._mask is None or tokens is None else inputs[self._mask.to(inputs.device)[tokens]]
        if matrix.key not in self._statistics and len(rows):
            self._leaders[matrix.key] = matrix.key
            self._statistics[matrix.key] = self._make(matrix, rows.device)
        if len(rows):
            self._statistics[matrix.key].add(rows)
            self._experts_on = rows.device

    def results(self) -> dict[str, Any]:
        """Return the result for every matrix by its key, when all batches are through."""
        self._held.clear()
        self._fill_in_idle_experts()
        silent = [matrix.key for matrix in self.matrices if matrix.key not in self._leaders]
        if silent:
            raise UnsupportedModelError(
                f"looked for the calibration text at the inputs of every matrix; none reached {', '.join(silent[:3])}"
            )
        found = {path: statistic.result() for path, statistic in self._statistics.items()}
        return {matrix.key: found[self._leaders[matrix.key]] for matrix in self.matrices}

    def _fill_in_idle_experts(self) -> None:
        """Let an expert that the router gave no token read each feature once: nothing is known of its inputs."""
        import torch

        for matrix in self.matrices if self._experts_on else ():
            if matrix.expert is not None and matrix.key not in self._statistics:
                self.see_expert(matrix, torch.eye(matrix.inputs, device=self._experts_on), None)

    def _leader(self, matrix: Projection, inputs: "torch.Tensor") -> str:
        if matrix.path not in self._leaders:
            key = (inputs.data_ptr(), inputs.shape, inputs.stride())
            self._leaders[matrix.path] = self._held.setdefault(key, (matrix.path, inputs))[0]
        return self._leaders[matrix.path]

    def _tokens(self, matrix: Projection, inputs: "torch.Tensor") -> "torch.Tensor":
        rows = inputs.reshape(-1, inputs.shape[-1])
        if self._mask is None:
            return rows
        if len(rows) != len(self._mask):
            raise UnsupportedModelError(
                f"{matrix.path}: looked for inputs of {len(self._mask)} tokens, padding included, to leave padding "
                f"out; got {tuple(inputs.shape)}"
            )
        return rows[self._mask.to(rows.device)]


@contextmanager
def _observing(request: "PruningRequest", observed: _Observed) -> Iterator[None]:
    """Show the inputs of a layer's matrices at every run of the layer."""

    def hook_for(matrix: Projection) -> Any:
        return lambda _, arguments: observed.see(matrix, arguments[0])

    handles = [
        request.model.get_submodule(matrix.path).register_forward_pre_hook(hook_for(matrix))
        for matrix in observed.matrices
        if matrix.expert is None
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _experts_observed(
    request: "PruningRequest", layer: LayerParts, observed: _Observed
) -> AbstractContextManager[None]:
    """Show the inputs of a layer's stacked experts at every run of the layer, when they are asked for."""
    experts = layer.experts
    if experts is None or not any(matrix.expert is not None for matrix in observed.matrices):
        return nullcontext()
    from pruning.calibration.experts import expert_inputs

    return expert_inputs(request.model, experts, observed.see_expert)
