"""What a module tree cannot show: how the parts compute. Derived from the config, the class and module names.

    activation            name of the MLP's activation
    attention_heads       query heads a layer
    attention_pattern     kinds of layers in the config's `layer_types`, joined by +
    causal                "true" = predicts the next token from those before it
    experts               routed experts a layer
    experts_per_token     routed experts that one token visits
    is_encoder_decoder    "true" = two stacks joined by cross attention
    kv_group_ratio        query heads for each key-value head; 1 = multi-head, heads = multi-query
    modality              kinds of input, joined by +
    norm                  most frequent normalisation: rms, layer, batch, group
    position              rotary, alibi, relative, learned, sinusoidal or none
    sliding_window        width of the attention window, tokens
    tied_embeddings       "true" = the output layer uses the input embedding's weights

A trait that does not apply, or that nothing tells, is absent.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from model_extract.auto_classes import is_causal_class
from model_extract.text import storable
from model_extract.tree import Node

if TYPE_CHECKING:
    from torch import nn

_ACTIVATION_KEYS = ("hidden_act", "hidden_activation", "activation_function", "activation", "mlp_hidden_act")
_EXPERT_KEYS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_EXPERTS_PER_TOKEN_KEYS = ("num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_k", "top_k_experts")
_LEARNED_NAMES = frozenset({"position_embeddings", "position_embedding", "wpe", "embed_positions", "pos_embed"})
_RELATIVE_WORDS = ("relative_attention_bias", "rel_pos", "relative_position", "rel_embeddings")
# Types whose attention adds linear biases without a module or a config key that says so.
_ALIBI_TYPES = frozenset({"bloom", "mpt"})
_INPUT_WORDS = (("pixel", "image"), ("input_values", "audio"), ("input_features", "audio"), ("input_ids", "text"))
_SUB_CONFIGS = (("text", "text"), ("vision", "image"), ("audio", "audio"), ("video", "video"))
_NORMS = (("RMSNorm", "rms"), ("LayerNorm", "layer"), ("BatchNorm", "batch"), ("GroupNorm", "group"))


def read_traits(model: "nn.Module", config: Any, tree: Node) -> dict[str, str]:
    """Return a built model's traits by name, sorted; `tree` is its unfolded tree."""
    text = text_config(config)
    found = {
        "activation": _first_of_type(text, _ACTIVATION_KEYS, str),
        "attention_heads": _positive(text, "num_attention_heads"),
        "attention_pattern": _attention_pattern(text),
        "causal": is_causal_class(type(model).__name__) or bool(value_of(text, "is_decoder")),
        "experts": _first_of_type(text, _EXPERT_KEYS, int),
        "experts_per_token": _first_of_type(text, _EXPERTS_PER_TOKEN_KEYS, int),
        "is_encoder_decoder": bool(value_of(config, "is_encoder_decoder")),
        "kv_group_ratio": _group_ratio(text),
        "modality": _modality(model, config),
        "norm": _norm(tree),
        "position": _position(text, tree),
        "sliding_window": _sliding_window(text),
        "tied_embeddings": _tied_embeddings(model),
    }
    return {name: _as_text(value) for name, value in sorted(found.items()) if value is not None}


def text_config(config: Any) -> Any:
    """Return the config of the text half, or the config itself where there is none or more than one."""
    try:
        return config.get_text_config()
    except ValueError:  # several text configs: transformers does not choose
        return config


def value_of(config: Any, name: str) -> Any:
    """Return a config's value; None where it has none, or one that differs from layer to layer."""
    from transformers.integrations.heterogeneity.configuration_utils import AmbiguousGlobalPerLayerAttributeError

    try:
        return getattr(config, name, None)
    except AmbiguousGlobalPerLayerAttributeError:
        return None


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else storable(str(value))


def _first_of_type(config: Any, names: tuple[str, ...], wanted: type) -> Any:
    values = (value_of(config, name) for name in names)
    return next((value for value in values if isinstance(value, wanted) and not isinstance(value, bool)), None)


def _positive(config: Any, name: str) -> int | None:
    value = value_of(config, name)
    return value if isinstance(value, int) and value > 0 else None


def _attention_pattern(config: Any) -> str | None:
    kinds = value_of(config, "layer_types")
    if not isinstance(kinds, list | tuple) or not kinds:
        return None
    return "+".join(sorted({str(kind) for kind in kinds}))


def _group_ratio(config: Any) -> float | None:
    heads, shared = _positive(config, "num_attention_heads"), _positive(config, "num_key_value_heads")
    return heads / shared if heads and shared else None


def _sliding_window(config: Any) -> int | None:
    return None if value_of(config, "use_sliding_window") is False else _positive(config, "sliding_window")


def _modality(model: "nn.Module", config: Any) -> str | None:
    parts = {kind for word, kind in _SUB_CONFIGS if value_of(config, f"{word}_config") is not None}
    name = getattr(model, "main_input_name", None)
    parts |= {kind for word, kind in _INPUT_WORDS if isinstance(name, str) and word in name}
    return "+".join(sorted(parts)) or None


def _norm(tree: Node) -> str | None:
    counts: Counter[str] = Counter()
    for node in _nodes(tree):
        kind = next((kind for word, kind in _NORMS if word in node.class_name), None)
        if kind:
            counts[kind] += 1
    return min(counts, key=lambda kind: (-counts[kind], kind), default=None)


def _position(config: Any, tree: Node) -> str:
    nodes = list(_nodes(tree))
    if any("Rotary" in node.class_name for node in nodes):
        return "rotary"
    if _is_alibi(config):
        return "alibi"
    if any(word in node.name for node in nodes for word in _RELATIVE_WORDS):
        return "relative"
    if any("Sinusoidal" in node.class_name for node in nodes):
        return "sinusoidal"
    named = {node.name for node in nodes} | {name for node in nodes for name, _ in node.shapes}
    return "learned" if named & _LEARNED_NAMES else "none"


def _is_alibi(config: Any) -> bool:
    return value_of(config, "model_type") in _ALIBI_TYPES or value_of(config, "alibi") is True


def _tied_embeddings(model: "nn.Module") -> bool | None:
    try:
        given, predicted = model.get_input_embeddings(), model.get_output_embeddings()  # pyright: ignore[reportCallIssue]
    except (NotImplementedError, AttributeError):  # the class has no such embeddings
        return None
    if given is None or predicted is None:
        return None
    weight = getattr(predicted, "weight", None)
    return weight is not None and weight is getattr(given, "weight", None)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)
