"""What a config says of a stack, and whether transformers would build from it what is in memory."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import Stack
from pruning.models import empty_model

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

# What changes a config: (the part that describes a stack, the stack) -> None
Change = Callable[[Any, Stack], None]


def change_configs(model: "PreTrainedModel", stacks: tuple[Stack, ...], change: Change) -> None:
    """Apply a change to the config of every stack: in the model's config, and in the copy that a stack may hold."""
    for stack in stacks:
        part = _part(model.config, _place(model, stack))
        own = _owner_config(model, stack)
        change(part, stack)
        if own is not part:
            change(own, stack)


def rebuilt(model: "PreTrainedModel", stacks: tuple[Stack, ...], change: Change) -> "PreTrainedModel":
    """Return the empty model that transformers builds from the changed config; the model itself is left alone.

    Raises `UnsupportedModelError` when it builds none.
    """
    config = copy.deepcopy(model.config)
    for stack in stacks:
        change(_part(config, _place(model, stack)), stack)
        change(copy.deepcopy(_owner_config(model, stack)), stack)  # what it cannot say is known before it must
    return empty_model(config, type(model))


def shapes(model: "PreTrainedModel") -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter by name."""
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters(remove_duplicate=False)}


def difference(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> str | None:
    """Return the first parameter that is missing, new or of another shape, in words; None when there is none."""
    for name in sorted({*expected, *found}):
        if expected.get(name) != found.get(name):
            return f"{name}: {expected.get(name, 'none')} in memory, {found.get(name, 'none')} from the config"
    return None


def _owner_config(model: "PreTrainedModel", stack: Stack) -> Any:
    return getattr(model.get_submodule(stack.owner), "config")  # noqa: B009  # a module's attributes have no types


def _place(model: "PreTrainedModel", stack: Stack) -> tuple[str, ...]:
    """Return the names that lead from the model's config to the one of a stack; none when that is a copy."""
    own = _owner_config(model, stack)
    return next((names for names, part in _parts(model.config, ()) if part is own), ())


def _parts(config: "PreTrainedConfig", names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    from transformers import PreTrainedConfig

    yield names, config
    for name, value in vars(config).items():
        if isinstance(value, PreTrainedConfig):
            yield from _parts(value, (*names, name))


def _part(config: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        config = getattr(config, name)
    return config
