"""Heads that are gone: narrower matrices and a config that says so, where transformers builds that shape."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pruning.adapters.attention import HEADS, KEY_VALUE_HEADS, WIDTHS
from pruning.adapters.parts import Stack
from pruning.errors import UnsupportedModelError
from pruning.removal.heads.parameters import Part, delete, extra_parts, input_parts, output_part
from pruning.removal.heads.plan import HeadPlan
from pruning.removal.layers import plain_attributes
from pruning.removal.shapes import Change, change_configs, difference, rebuilt, shapes

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


def why_not_physical(model: "PreTrainedModel", plans: Sequence[HeadPlan]) -> str | None:
    """Return why transformers would not build from a changed config what is left; None when it would."""
    try:
        parts = list(_parts(model, plans))
        example = rebuilt(model, _stacks(plans), _heads_set(plans))
    except UnsupportedModelError as error:
        return str(error)
    expected = shapes(model)
    for part in parts:
        shape = [*expected[part.parameter]]
        shape[part.dimension] -= len(part.indices)
        expected[part.parameter] = tuple(shape)
    found = difference(expected, shapes(example)) or difference(_buffers(model), _buffers(example))
    return f"the config cannot say fewer heads; {found}" if found else _other_behaviour(model, example, plans)


def remove_physically(model: "PreTrainedModel", plans: Sequence[HeadPlan]) -> None:
    """Remove heads that `why_not_physical` has nothing against."""
    change = _heads_set(plans)
    example = rebuilt(model, _stacks(plans), change)
    for part in list(_parts(model, plans)):
        delete(model, part)
    for module, name, _, value in _changed_attributes(model, example, plans):
        setattr(module, name, value)
    change_configs(model, _stacks(plans), change)


def _parts(model: "PreTrainedModel", plans: Sequence[HeadPlan]) -> Iterator[Part]:
    for plan in plans:
        attention, groups = plan.place.attention, plan.lost_groups
        yield from input_parts(model, attention, plan.removed, groups)
        yield from extra_parts(model, attention, plan.removed, groups)
        yield output_part(attention, plan.removed)


def _stacks(plans: Sequence[HeadPlan]) -> tuple[Stack, ...]:
    return tuple({plan.place.stack.path: plan.place.stack for plan in plans}.values())


def _heads_set(plans: Sequence[HeadPlan]) -> Change:
    """Return the change of a config to the heads that the first attention of each stack keeps; shapes tell the rest."""
    first = {plan.place.stack.path: plan for plan in reversed(plans)}

    def set_heads(config: Any, stack: Stack) -> None:
        plan = first[stack.path]
        attention = plan.place.attention
        # Groups before heads and width before both: a config may derive what is not written.
        _set(config, _width_field(config, attention.head_width), attention.head_width)
        groups = attention.key_value_heads
        for name in _fields(config, KEY_VALUE_HEADS, groups):
            _set(config, name, groups - len(plan.lost_groups))
        for name in _fields(config, (f"{stack.kind}_attention_heads", *HEADS), attention.heads):
            _set(config, name, attention.heads - len(plan.removed))

    return set_heads


def _width_field(config: Any, width: int) -> str:
    """Return the field with the width of a head; types that look for `head_dim` first need not have it."""
    return next((name for name in WIDTHS if getattr(config, name, None) == width), "head_dim")


def _fields(config: Any, names: Sequence[str], value: int) -> list[str]:
    return [name for name in names if getattr(config, name, None) == value]


def _set(config: Any, name: str, value: int) -> None:
    # Of some types the width is computed and cannot be set: then it is wrong and the shapes say so.
    if not isinstance(getattr(type(config), name, None), property):
        setattr(config, name, value)


def _buffers(model: "PreTrainedModel") -> Mapping[str, tuple[int, ...]]:
    return {name: tuple(buffer.shape) for name, buffer in model.named_buffers()}


def _other_behaviour(model: "PreTrainedModel", example: "PreTrainedModel", plans: Sequence[HeadPlan]) -> str | None:
    for _, name, value, other in _changed_attributes(model, example, plans):
        if type(value) is not int or type(other) is not int:
            return f"the config cannot say fewer heads; {name} is {value!r} and would be {other!r}"
    return None


def _changed_attributes(
    model: "PreTrainedModel", example: "PreTrainedModel", plans: Sequence[HeadPlan]
) -> Iterator[tuple["nn.Module", str, Any, Any]]:
    """Yield (module, attribute, value, value in the example) for what a module would remember else."""
    for stack in _stacks(plans):
        there = dict(example.get_submodule(stack.path).named_modules())
        for path, module in model.get_submodule(stack.path).named_modules():
            new = plain_attributes(there[path])
            for name, value in plain_attributes(module).items():
                if new.get(name) != value:
                    yield module, name, value, new.get(name)
