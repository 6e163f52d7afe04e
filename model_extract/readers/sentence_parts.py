"""The modules of sentence-transformers that stand behind the transformer, made on the meta device.

Only what has parameters and a config of its own is made with them; poolings and normalisations hold nothing.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from model_extract.failures import UnreadableError

if TYPE_CHECKING:
    from torch import nn

TRANSFORMER_PATH = "0.auto_model"
_WITHOUT_PARAMETERS = frozenset({"Pooling", "Normalize", "Dropout", "Asym", "Router"})
_WIDEST = 1_000_000

Part = tuple[str, dict[str, Any]]


def joined(model: "nn.Module", parts: tuple[Part, ...]) -> "nn.Module":
    """Return the transformer and what follows it as one module, named as sentence-transformers names them.

    Raises `UnreadableError` with `unknown_type` for a part of another kind, `bad_config` for widths that are none.
    """
    import torch
    from torch import nn

    with torch.device("meta"):
        first = _holder("Transformer", auto_model=model)
        following = [(str(place), _part(*part)) for place, part in enumerate(parts, start=1)]
    return nn.Sequential(OrderedDict([("0", first), *following]))


def _part(class_name: str, config: dict[str, Any]) -> "nn.Module":
    from torch import nn

    if class_name == "Dense":
        bias = config.get("bias", True) is not False
        return _holder(
            class_name, linear=nn.Linear(_width(config, "in_features"), _width(config, "out_features"), bias)
        )
    if class_name == "LayerNorm":
        return _holder(class_name, norm=nn.LayerNorm(_width(config, "dimension")))
    if class_name in _WITHOUT_PARAMETERS:
        return _holder(class_name)
    raise UnreadableError("unknown_type", f"no reader for the sentence-transformers module {class_name}")


def _holder(class_name: str, **children: "nn.Module") -> "nn.Module":
    """Return a module of a class with this name and these children; the names are identifiers."""
    from torch import nn

    made = type(class_name, (nn.Module,), {})()
    for name, child in children.items():
        made.add_module(name, child)
    return made


def _width(config: dict[str, Any], key: str) -> int:
    value = config.get(key)
    if type(value) is not int or not 0 < value <= _WIDEST:
        raise UnreadableError("bad_config", f"{key}: expected a width from 1 to {_WIDEST:,}, got {value!r:.80}")
    return value
