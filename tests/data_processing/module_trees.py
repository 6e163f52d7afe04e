"""Small module trees for the tests of stage 2: hand-written, or walked from a transformers model on the meta device."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from data_processing.trees.canonical import ModuleRow


@dataclass(frozen=True)
class Module:
    """A module to write down; `repeats` is the length of a run that a container numbers."""

    kind: str = "module"
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    children: Mapping[str, "Module"] = field(default_factory=dict)
    repeats: int = 1
    class_name: str = ""


def linear(outputs: int, inputs: int, *, bias: bool = False) -> Module:
    return Module("Linear", {"weight": (outputs, inputs)} | ({"bias": (outputs,)} if bias else {}))


def norm(width: int) -> Module:
    return Module("module", {"weight": (width,)}, class_name="AnyRMSNorm")


def stack(*blocks: Module) -> Module:
    """A container that numbers its members."""
    return Module("container", children={str(index): block for index, block in enumerate(blocks)})


def decoder(width: int = 8, layers: int = 4, *, heads: int = 8, bias: bool = False, prefix: str = "Llama") -> Module:
    """A llama-like causal model; fewer key and value heads than 8 make it grouped-query."""
    attention = Module(
        children={
            "q_proj": linear(width, width, bias=bias),
            "k_proj": linear(width * heads // 8, width, bias=bias),
            "v_proj": linear(width * heads // 8, width, bias=bias),
            "o_proj": linear(width, width),
            "rotary_emb": Module(class_name=f"{prefix}Rotary"),
        },
        class_name=f"{prefix}Attention",
    )
    mlp = Module(
        children={
            "gate_proj": linear(3 * width, width),
            "up_proj": linear(3 * width, width),
            "down_proj": linear(width, 3 * width),
            "act_fn": Module("SiLU"),
        },
        class_name=f"{prefix}MLP",
    )
    block = Module(
        children={
            "self_attn": attention,
            "mlp": mlp,
            "input_layernorm": norm(width),
            "post_attention_layernorm": norm(width),
        },
        repeats=layers,
        class_name=f"{prefix}DecoderLayer",
    )
    body = Module(
        children={
            "embed_tokens": Module("Embedding", {"weight": (101, width)}),
            "layers": stack(block),
            "norm": norm(width),
        },
        class_name=f"{prefix}Model",
    )
    return Module(children={"model": body, "lm_head": linear(101, width)}, class_name=f"{prefix}ForCausalLM")


def encoder(width: int = 8, layers: int = 4, *, extra_norm: bool = False) -> Module:
    """A bert-like masked model."""
    attention = Module(children={name: linear(width, width, bias=True) for name in ("query", "key", "value", "dense")})
    block = {"attention": attention, "intermediate": linear(4 * width, width, bias=True)}
    block |= {"output": linear(width, 4 * width, bias=True), "LayerNorm": layer_norm(width)}
    if extra_norm:
        block["ExtraNorm"] = layer_norm(width)
    embeddings = {name: Module("Embedding", {"weight": (51, width)}) for name in ("word", "position", "token_type")}
    return Module(
        children={
            "embeddings": Module(children=embeddings),
            "encoder": stack(Module(children=block, repeats=layers)),
            "pooler": linear(width, width, bias=True),
        }
    )


def layer_norm(width: int) -> Module:
    return Module("LayerNorm", {"weight": (width,), "bias": (width,)})


def rows_of(root: Module, structure_id: str = "s") -> list[ModuleRow]:
    """Write a tree down the way stage 1 does: depth first, runs folded, the root left out."""
    rows: list[ModuleRow] = []

    def visit(module: Module, path: str | None) -> None:
        for name, child in module.children.items():
            shown = f"{name}-{int(name) + child.repeats - 1}" if child.repeats > 1 else name
            child_path = shown if path is None else f"{path}.{shown}"
            shapes = json.dumps({key: list(shape) for key, shape in child.shapes.items()})
            rows.append(ModuleRow(structure_id, len(rows), child_path, path, child.kind, shapes, child.repeats))
            visit(child, child_path)

    visit(root, None)
    return rows


def from_transformers(model_type: str, auto_class: str = "AutoModelForCausalLM", **config: Any) -> Module:
    """Return the tree of a model type at its default config, built on the meta device."""
    import torch
    import transformers

    settings = transformers.AutoConfig.for_model(model_type, **config)
    with torch.device("meta"):
        model = getattr(transformers, auto_class).from_config(settings)
    return _walk(model)


def _walk(module: Any) -> Module:
    children = {name: _walk(child) for name, child in module.named_children()}
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters(recurse=False)}
    library = type(module).__module__.startswith("torch.nn") or type(module).__name__ == "Conv1D"
    kind = type(module).__name__ if library and not children else ("container" if library else "module")
    return Module(kind, shapes, _fold(children), class_name=type(module).__name__)


def _fold(children: dict[str, Module]) -> dict[str, Module]:
    """Fold neighbours that are equal and numbered."""
    folded: dict[str, Module] = {}
    for (numbered, _), run in groupby(
        children.items(), key=lambda item: (bool(re.fullmatch(r"\d+", item[0])), item[1])
    ):
        members = list(run)
        if numbered:
            folded[members[0][0]] = replace(members[0][1], repeats=len(members))
        else:
            folded.update(members)
    return folded
