"""Finding the parts of a model by their structure.

Stack: an outermost ModuleList whose members hold attentions; where each member holds a list of such layers itself
(Albert's groups, stages of a vision model) the inner lists are the stacks. A model without attention has one stack, its
longest list of modules with matrices. Attention is found in attention.py, MLP and experts in mlp.py.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pruning.adapters.attention import declared, find_attentions, unread_attentions
from pruning.adapters.matrices import is_norm, last_name, projections
from pruning.adapters.mlp import find_experts, gathered_mlps
from pruning.adapters.parts import Adapter, AttentionParts, ExpertParts, LayerParts, Position, Projection, Stack
from pruning.errors import UnsupportedModelError
from pruning.inputs import needed_inputs

if TYPE_CHECKING:
    from torch import nn

DEPTHS = ("{stack}_layers", "num_{stack}_layers", "num_hidden_layers", "num_layers")
_MODALITIES = {"vision": ("vision", "visual", "image"), "audio": ("audio", "speech"), "text": ("text_model",)}
_POSITION_TABLE = re.compile(r"(^|\.)wpe(\.|$)|pos(ition)?s?_embed|embed_pos")
# Which stack a method works on that needs one.
_MAIN = ("decoder", "text", "encoder")


def find_adapter(model: "nn.Module") -> Adapter:
    """Return the parts of a transformers model.

    Raises `UnsupportedModelError` that says what was looked for, and `UsageError` for what is no model in memory.
    """
    from torch import nn

    if not isinstance(model, nn.Module):
        raise UsageError(
            f"expected a model in memory, such as AutoModelForCausalLM.from_pretrained(...), got {type(model).__name__}"
        )
    lists = _stack_lists(model)
    paths = [path for path, _ in lists]
    stacks = _named([_stack(model, path, stack, paths) for path, stack in lists])
    order = [*_MAIN, *(stack.name for stack in stacks)]
    main = min(stacks, key=lambda stack: (order.index(stack.name), -len(stack.layers)))
    return Adapter(type(model).__name__, stacks, main, _tied(model), needed_inputs(model))


def _stack_lists(model: "nn.Module") -> list[tuple[str, "nn.ModuleList"]]:
    lists = [*_outermost_lists(model, "")]
    config = getattr(model, "config", None)
    holding = [(path, stack) for path, stack in lists if _attends(stack, config)]
    if holding:
        return [found for path, stack in holding for found in _inner_stacks(path, stack, config)]
    plain = [found for found in lists if all(len(projections(layer, "")) > 1 for layer in found[1])]
    if plain:
        return [max(plain, key=lambda found: len(found[1]))]
    seen = ", ".join(f"{path} ({len(stack)} modules)" for path, stack in lists) or "none"
    raise UnsupportedModelError(
        f"{type(model).__name__}: looked for a layer stack, a ModuleList of layers with Linear or Conv1D inside; lists "
        f"found: {seen}"
    )


def _outermost_lists(module: "nn.Module", prefix: str) -> Iterator[tuple[str, "nn.ModuleList"]]:
    """Yield the module lists that are not inside another one, the empty ones left out."""
    from torch import nn

    for name, child in module.named_children():
        if not isinstance(child, nn.ModuleList):
            yield from _outermost_lists(child, f"{prefix}{name}.")
        elif len(child) > 0:
            yield prefix + name, child


def _attends(stack: "nn.ModuleList", config: Any) -> bool:
    """Return whether a member holds an attention, or what looks like one."""
    return any(
        next(find_attentions("", layer, config, ""), None) or next(unread_attentions("", layer, ()), None)
        for layer in stack
    )


def _inner_stacks(path: str, stack: "nn.ModuleList", config: Any) -> list[tuple[str, "nn.ModuleList"]]:
    """Return the lists of layers in every member of a list, or the list itself when its members are layers."""
    inner = [[*_outermost_lists(member, f"{path}.{index}.")] for index, member in enumerate(stack)]
    layered = [[found for found in lists if _alike(found[1]) and _all_attend(found[1], config)] for lists in inner]
    return [found for lists in layered for found in lists] if all(layered) else [(path, stack)]


def _alike(stack: "nn.ModuleList") -> bool:
    return len({type(layer) for layer in stack}) == 1


def _all_attend(stack: "nn.ModuleList", config: Any) -> bool:
    return all(next(find_attentions("", layer, config, ""), None) for layer in stack)


def _stack(model: "nn.Module", path: str, stack: "nn.ModuleList", paths: Sequence[str]) -> Stack:
    owner = _owner(model, path)
    owner_module: Any = model.get_submodule(owner)
    config = owner_module.config
    name = _stack_name(model, path, stack)
    layers = tuple(_layer_parts(f"{path}.{index}", layer, config, name) for index, layer in enumerate(stack))
    foreign = {found for parts, layer in zip(layers, stack, strict=True) for found in _foreign(parts, layer)}
    return Stack(
        name,
        path,
        owner,
        layers,
        declared(config, DEPTHS, name),
        # The last layer: the first one of some models lacks a norm.
        _is_parallel(config, layers[-1], stack[len(stack) - 1]),
        _positions(model, path, paths, config),
        _final_norm(model, path.rpartition(".")[0]),
        tuple(sorted(foreign)),
    )


def _owner(model: "nn.Module", path: str) -> str:
    """Return the path of the nearest module around a stack that has a config of its own."""
    from transformers import PreTrainedConfig

    parts = path.split(".")[:-1]
    places = [".".join(parts[:length]) for length in range(len(parts), -1, -1)]
    has_config = [isinstance(getattr(model.get_submodule(place), "config", None), PreTrainedConfig) for place in places]
    return places[has_config.index(True)]


def _stack_name(model: "nn.Module", path: str, stack: "nn.ModuleList") -> str:
    """Return what a stack is, by words in its path where these tell, else by whether it looks ahead."""
    for name, words in _MODALITIES.items():
        if any(word in path for word in words):
            return name
    config: Any = model.config
    if getattr(config, "is_encoder_decoder", False):
        return "decoder" if "decoder" in path else "encoder"
    causal = {module.is_causal for module in stack.modules() if isinstance(getattr(module, "is_causal", None), bool)}
    if len(causal) == 1:
        return "decoder" if causal.pop() else "encoder"
    return "decoder" if re.search("Causal|LMHead", type(model).__name__) else "encoder"


def _named(stacks: Sequence[Stack]) -> tuple[Stack, ...]:
    """Return the stacks under names of their own: of several of one kind the later ones carry their path."""
    seen: set[str] = set()
    named = []
    for stack in stacks:
        named.append(replace(stack, name=f"{stack.name} {stack.path}") if stack.name in seen else stack)
        seen.add(stack.name)
    return tuple(named)


def _layer_parts(path: str, layer: "nn.Module", config: Any, stack: str) -> LayerParts:
    attentions = tuple(find_attentions(path, layer, config, stack))
    unread = [*unread_attentions(path, layer, attentions)]
    matrices = projections(layer, path)
    experts = find_experts(path, layer, _hidden(attentions, config), config)
    taken = [matrix for attention in attentions for matrix in (*attention.inputs, attention.output)]
    taken += [matrix for _, found in unread for matrix in found]
    around = [*(attention.path for attention in attentions), *(place for place, _ in unread)]
    rest = [matrix for matrix in matrices if matrix not in taken and not _below_any(matrix.path, around)]
    mlps = [] if experts else gathered_mlps(rest)
    gaps = [
        f"{place}: looked for query, key, value and output matrices whose heads fit the config; found {_shown(found)}"
        for place, found in unread
    ]
    if not attentions and not unread:
        gaps.append(f"{path}: looked for an attention; there is none")
    if len(mlps) != 1 and not experts:
        gaps.append(f"{path}: looked for one MLP (one or two matrices into one width, one back); found {_shown(rest)}")
    return LayerParts(
        path,
        attentions,
        mlps[0] if len(mlps) == 1 else None,
        _prunable(matrices, experts),
        experts,
        tuple(name for name, module in layer.named_modules(prefix=path) if is_norm(module)),
        tuple(gaps),
    )


def _hidden(attentions: Sequence[AttentionParts], config: Any) -> int:
    return attentions[0].output.outputs if attentions else declared(config, ("hidden_size",), "") or 0


def _below_any(path: str, places: Collection[str]) -> bool:
    return any(path.startswith(f"{place}.") for place in places)


def _prunable(matrices: Sequence[Projection], experts: ExpertParts | None) -> tuple[Projection, ...]:
    """Return the matrices of a layer and of its experts; the router is none of them."""
    if experts is None:
        return tuple(matrices)
    plain = [matrix for matrix in matrices if matrix.path != experts.router]
    return (*plain, *(matrix for matrix in experts.matrices if matrix not in plain))


def _shown(matrices: Sequence[Projection]) -> str:
    return ", ".join(f"{last_name(each.path)} ({each.inputs} to {each.outputs})" for each in matrices) or "none"


def _foreign(parts: LayerParts, layer: "nn.Module") -> Iterator[str]:
    """Yield parameters of two or more dimensions that are no matrix that the adapter knows, such as convolutions.

    Norms and tables of position biases are none either, and are not looked for.
    """
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    known = {parts.experts.path, parts.experts.router} if parts.experts else set()
    for path, module in layer.named_modules(prefix=parts.path):
        if isinstance(module, nn.Linear | nn.Embedding | Conv1D) or is_norm(module) or path in known:
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() > 1 and not any(word in name for word in ("bias", "position")):
                yield f"{path}.{name}"


def _is_parallel(config: Any, parts: LayerParts, layer: "nn.Module") -> bool:
    """Return whether attention and MLP read the same state: the config says so, or one norm serves both."""
    for flag in ("use_parallel_residual", "parallel_attn"):
        if isinstance(getattr(config, flag, None), bool):
            return getattr(config, flag) or getattr(config, "new_decoder_architecture", False)
    hidden = _hidden(parts.attentions, config)
    wide = [norm for norm in parts.norms if _norm_width(layer, norm.removeprefix(f"{parts.path}.")) in (None, hidden)]
    return bool(parts.attentions) and (parts.mlp or parts.experts) is not None and len(wide) == 1


def _norm_width(layer: "nn.Module", path: str) -> int | None:
    weight = dict(layer.get_submodule(path).named_parameters()).get("weight")
    return None if weight is None else weight.numel()


def _positions(model: "nn.Module", path: str, paths: Sequence[str], config: Any) -> tuple[Position, ...]:
    """Return where positions come from, as names tell, in the nearest module around the stack that says anything."""
    parts = path.split(".")[:-1]
    for length in range(len(parts), -1, -1):
        place = ".".join(parts[:length])
        inside = [other for other in paths if other != path and other.startswith(place)]
        found = _positions_in(model.get_submodule(place), config)
        if found or inside:
            return () if inside else found
    return ()


def _positions_in(module: "nn.Module", config: Any) -> tuple[Position, ...]:
    names = [name.lower() for name, _ in [*module.named_modules(), *module.named_parameters()]]
    classes = [type(each).__name__.lower() for each in module.modules()]
    declared_alibi = getattr(config, "alibi", None)
    alibi = any("alibi" in name for name in dir(module)) if declared_alibi is None else declared_alibi
    rotary = any("rotary" in each or "rope" in each for each in classes) or hasattr(config, "rotary_dim")
    sinusoidal = any("sinusoid" in each for each in classes)
    relative = any("relative_attention_bias" in name for name in names) or getattr(config, "relative_attention", False)
    kinds: dict[Position, bool] = {
        "rotary": rotary and not alibi,
        "alibi": bool(alibi),
        "learned": not rotary and not sinusoidal and any(_POSITION_TABLE.search(name) for name in names),
        "sinusoidal": sinusoidal,
        "relative": bool(relative),
    }
    return tuple(kind for kind, there in kinds.items() if there)


def _final_norm(model: "nn.Module", path: str) -> str | None:
    """Return the norm that is registered last beside the stack."""
    children = model.get_submodule(path).named_children()
    norms = [name for name, module in children if is_norm(module) and "emb" not in name]
    return f"{path}.{norms[-1]}".lstrip(".") if norms else None


def _tied(model: "nn.Module") -> tuple[tuple[str, ...], ...]:
    """Return the groups of names that are one parameter."""
    groups: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)
