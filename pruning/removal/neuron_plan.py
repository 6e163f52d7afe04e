"""How narrow MLPs become, and whether transformers can build them so from a config."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from pruning.adapters.parts import LayerParts, MlpParts, Stack
from pruning.errors import RatioTooSmallError, UnsupportedModelError
from pruning.removal.records import PruningRequest
from pruning.removal.shapes import Change, difference, rebuilt, shapes

# New widths are multiples of this, so that rows stay aligned for vector units.
WIDTH_MULTIPLE = 8
# How configs name the width of the MLP.
WIDTH_FIELDS = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "d_ff", "ffn_hidden", "hidden_dim")
# How configs name whether the matrices of the MLP have biases.
BIAS_FIELDS = ("mlp_bias", "use_mlp_bias", "use_bias", "bias")


@dataclass(frozen=True)
class NeuronPlan:
    """What the MLPs of some stacks become. `targets` are new widths by path of the stack.

    `physical`: the config can say them; otherwise neurons are set to zero. `bias_field`: the field of the config that
    gives the MLPs the biases that they lack and now need; None = they get none.
    """

    model_class: str
    stacks: tuple[Stack, ...]
    targets: Mapping[str, int]
    physical: bool
    bias_field: str | None = None

    @property
    def note(self) -> str:
        """Return why parameters are still there, or nothing."""
        return "" if self.physical else f"the config of {self.model_class} has no field for the MLP's width"

    def count(self, layer: LayerParts) -> int:
        """Return how many neurons a layer loses."""
        stack = next(stack for stack in self.stacks if layer in stack.layers)
        return mlp_of(layer).width - self.targets[stack.path]


def mlp_of(layer: LayerParts) -> MlpParts:
    """Return the MLP of a layer of a stack whose MLPs have one width."""
    assert layer.mlp is not None
    return layer.mlp


def plan_widths(request: PruningRequest, stacks: tuple[Stack, ...]) -> NeuronPlan:
    """Return how wide the MLPs become. Raises `UnsupportedModelError` and `RatioTooSmallError`."""
    targets = {stack.path: new_width(_width(request, stack), request.ratio) for stack in stacks}
    named = all(width_field(_config(request, stack), _width(request, stack), stack.kind) for stack in stacks)
    plan = NeuronPlan(request.adapter.model_class, stacks, targets, physical=True)
    return replace(plan, physical=named and _builds(request, plan))


def bias_field(request: PruningRequest, plan: NeuronPlan) -> str | None:
    """Return the field by which transformers builds the planned model with biases in its MLPs, and nowhere else."""
    for name in BIAS_FIELDS:
        known = all(getattr(_config(request, stack), name, None) is False for stack in plan.stacks)
        if known and _builds(request, replace(plan, bias_field=name)):
            return name
    return None


def _config(request: PruningRequest, stack: Stack) -> Any:
    return getattr(request.model.get_submodule(stack.owner), "config")  # noqa: B009  # it has no type


def _width(request: PruningRequest, stack: Stack) -> int:
    if stack.mlp_width is None:
        raise UnsupportedModelError(
            f"{request.adapter.model_class}: looked for an MLP of one width in every layer of {stack.path} (one or two "
            "matrices into it, one out of it)"
        )
    return stack.mlp_width


def _builds(request: PruningRequest, plan: NeuronPlan) -> bool:
    """Return whether transformers builds the planned matrices, and nothing else anew, from a changed config."""
    expected = shapes(request.model)
    for stack in plan.stacks:
        for layer in stack.layers:
            mlp = mlp_of(layer)
            target = plan.targets[stack.path] if plan.physical else mlp.width
            for matrix in (*mlp.into, mlp.down) if plan.bias_field else ():
                expected.setdefault(f"{matrix.path}.bias", (matrix.outputs,))
            for matrix in mlp.into:
                _narrow(expected, f"{matrix.path}.weight", matrix.output_dimension, mlp, target)
                _narrow(expected, f"{matrix.path}.bias", 0, mlp, target)
            _narrow(expected, f"{mlp.down.path}.weight", 1 - mlp.down.output_dimension, mlp, target)
    try:
        found = shapes(rebuilt(request.model, plan.stacks, config_change(plan)))
    except UnsupportedModelError:
        return False
    return difference(expected, found) is None


def _narrow(expected: dict[str, tuple[int, ...]], name: str, dimension: int, mlp: MlpParts, target: int) -> None:
    """Write the shape after pruning; a fused matrix has two outputs a neuron."""
    if name in expected:
        shape = [*expected[name]]
        shape[dimension] = shape[dimension] // mlp.width * target
        expected[name] = tuple(shape)


def config_change(plan: NeuronPlan) -> Change:
    def change(config: Any, stack: Stack) -> None:
        assert stack.mlp_width is not None
        # Stacks may share one field: the first of them sets it.
        field = width_field(config, stack.mlp_width, stack.kind) if plan.physical else None
        if field is not None:
            setattr(config, field, plan.targets[stack.path])
        if plan.bias_field is not None:
            setattr(config, plan.bias_field, True)

    return change


def new_width(width: int, ratio: float) -> int:
    """Return (1 - ratio) * width rounded to the nearest multiple of `WIDTH_MULTIPLE`, at least one multiple.

    Raises `RatioTooSmallError` when that removes nothing.
    """
    kept = (1 - Fraction(repr(ratio))) * width / WIDTH_MULTIPLE
    target = max(1, int(kept + Fraction(1, 2))) * WIDTH_MULTIPLE
    if target >= width:
        raise RatioTooSmallError(
            f"ratio {ratio:g} of {width} MLP neurons removes none when the new width is a multiple of {WIDTH_MULTIPLE}"
        )
    return target


def width_field(config: Any, width: int, kind: str = "") -> str | None:
    """Return the config's field that sets the MLP's width; one that names the kind of stack first; None without any."""
    for name in (f"{kind}_ffn_dim", *WIDTH_FIELDS):
        value = getattr(config, name, 0)
        # GPT-2's n_inner is None by default and means 4 x hidden size, as does GPT-Neo's intermediate_size.
        if value == width or (name in ("n_inner", "intermediate_size") and value is None):
            return name
    return None
