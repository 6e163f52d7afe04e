"""Removing whole layers, so that what remains is a normal, shorter model."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pruning.adapters.find import DEPTHS
from pruning.adapters.parts import Adapter, Stack
from pruning.errors import RatioTooSmallError, UnsupportedModelError
from pruning.removal.records import PruningRequest, Removal
from pruning.removal.selection import nearest_share_of
from pruning.removal.shapes import Change, change_configs, difference, rebuilt, shapes

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

# Lists in a config that are no list of layers even when their length happens to fit.
_NO_LAYER_LISTS = ("architectures", "keys_to_ignore_at_inference")
_NO_LAYER_WORDS = ("token", "conv", "pos_att_type")


def layers_to_remove(request: PruningRequest) -> int:
    """Return round(ratio * layers), halves up, at most all but one. Raises `RatioTooSmallError` when it is 0."""
    total = len(request.adapter.layers)
    count = min(nearest_share_of(request.ratio, total), total - 1)
    if count == 0:
        raise RatioTooSmallError(
            f"ratio {request.ratio:g} of {total} layers is less than half a layer; expected at least {0.5 / total:.3g}"
            if total > 1
            else "the model has one layer; expected at least two"
        )
    return count


def remove_layers(model: "PreTrainedModel", adapter: Adapter, removed: Collection[int]) -> Removal:
    """Cut layers out of the main stack in place: indices renumbered from 0, every per-layer list of the config cut.

    Raises `UnsupportedModelError`, the model unchanged, when transformers builds another model from the cut config.
    """
    from torch import nn

    if getattr(model.config.get_text_config(), "scale_attn_by_inverse_layer_idx", False):
        raise UnsupportedModelError(
            f"{adapter.model_class}: attention is scaled by the layer's index (scale_attn_by_inverse_layer_idx), so a "
            "renumbered layer would compute something else"
        )
    total = len(adapter.layers)
    kept = [index for index in range(total) if index not in removed]
    change = _cut(kept)
    stack = model.get_submodule(adapter.stack)
    layers = [stack.get_submodule(str(index)) for index in kept]
    example = rebuilt(model, (adapter.main,), change)
    _check_same(model, adapter, kept, example)
    indices = [*_indices(layers, kept, example.get_submodule(adapter.stack), adapter)]
    parent, _, name = adapter.stack.rpartition(".")
    setattr(model.get_submodule(parent), name, nn.ModuleList(layers))
    for module, attribute, index in indices:
        setattr(module, attribute, index)
    change_configs(model, (adapter.main,), change)
    return Removal(total - len(kept), total, physical=True, layers=tuple(sorted(removed)))


def depth_fields(config: Any, stack: Stack) -> list[str]:
    """Return the config's fields that count the layers of a stack: those that name it, else those of all stacks."""
    names = [name.format(stack=stack.kind) for name in DEPTHS]
    fitting = [name for name in names if getattr(config, name, None) == len(stack.layers)]
    own = [name for name in fitting if stack.kind in name]
    return own or fitting


def _cut(kept: Sequence[int]) -> Change:
    def cut(config: Any, stack: Stack) -> None:
        total, fields = len(stack.layers), depth_fields(config, stack)
        if not fields:
            raise UnsupportedModelError(
                f"looked for a field of the config that counts the {total} layers of {stack.path}"
            )
        # The lists first: transformers checks their length against num_hidden_layers when a config is saved.
        for name, value in config.to_dict().items():
            if isinstance(value, list | tuple) and len(value) == total and _by_layer(name):
                setattr(config, name, [value[index] for index in kept])
        for field in fields:
            setattr(config, field, len(kept))

    return cut


def _by_layer(name: str) -> bool:
    return name not in _NO_LAYER_LISTS and not any(word in name for word in _NO_LAYER_WORDS)


def _check_same(model: "PreTrainedModel", adapter: Adapter, kept: Sequence[int], example: "PreTrainedModel") -> None:
    numbers = {str(old): str(new) for new, old in enumerate(kept)}
    expected = {
        renamed: shape for name, shape in shapes(model).items() if (renamed := _renamed(name, adapter, numbers))
    }
    found = difference(expected, shapes(example))
    if found:
        raise UnsupportedModelError(f"{adapter.model_class}: the config cannot say which layers are left; {found}")


def _renamed(name: str, adapter: Adapter, numbers: Mapping[str, str]) -> str | None:
    """Return a parameter's name after the cut; None when it goes."""
    prefix = f"{adapter.stack}."
    if not name.startswith(prefix):
        return name
    index, _, rest = name.removeprefix(prefix).partition(".")
    return f"{prefix}{numbers[index]}.{rest}" if index in numbers else None


def _indices(
    layers: Sequence["nn.Module"], kept: Sequence[int], example: "nn.Module", adapter: Adapter
) -> Iterator[tuple["nn.Module", str, int]]:
    """Yield (module, attribute, new index): the key-value cache is addressed by it.

    Raises `UnsupportedModelError` when a layer would behave differently in its new place, such as one with a window.
    """
    for new, (old, layer) in enumerate(zip(kept, layers, strict=True)):
        there = dict(example.get_submodule(str(new)).named_modules())
        for path, module in layer.named_modules():
            for name, value in plain_attributes(module).items():
                other = plain_attributes(there[path]).get(name)
                if value == old != new == other and type(value) is int:
                    yield module, name, new
                elif other != value:
                    raise UnsupportedModelError(
                        f"{adapter.model_class}: the config cannot say which layers are left; {name} of layer {old} is "
                        f"{value!r} and would be {other!r} as layer {new}"
                    )


def plain_attributes(module: "nn.Module") -> dict[str, Any]:
    """Return the numbers, truth values and words among a module's public attributes."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, bool | int | float | str) and not name.startswith("_") and name != "training"
    }
