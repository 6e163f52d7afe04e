"""What tensor names and types tell of weights that are stored in another form than the model computes with.

Names as the libraries write them: https://huggingface.co/docs/transformers/quantization/overview (AWQ, bitsandbytes,
compressed-tensors, fine-grained FP8, GPTQ, HQQ, MXFP4), https://github.com/ml-explore/mlx (scales and biases).
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from model_extract.formats.gguf_header import QUANTISED_TYPES
from model_extract.formats.tensors import Tensor

Shape = tuple[int, ...]

_FLOAT8 = re.compile(r"F8_\w+")
_PACKED_DTYPE = re.compile(r"U8|I8|U32|I32|F4|F[68]_\w+")
# A packed weight under a name of its own, and the parameter that it stands for.
_PACKED_NAME = re.compile(r"(?P<module>.*\.)(qweight|weight_packed|W_q)")
_BLOCKS = re.compile(r"(?P<parameter>.*)_blocks")
# What unpacking needs beside the packed weight.
_HELPER = re.compile(
    r"(?P<module>.*)\.(qzeros|scales|biases|g_idx|SCB|weight_format|\w+_scales"
    r"|weight\.(nested_)?(absmax|quant_map)|weight\.quant_state\.\w+"
    r"|(weight|input|output)_(scale|scale_inv|scale_2|global_scale|zero_point|shape|g_idx))"
)
# Scheme -> last parts of tensor names that only it writes; the first found counts (GPTQ has a qweight too).
_SCHEMES = {
    "bitsandbytes": frozenset({"SCB", "absmax"}),
    "compressed-tensors": frozenset({"weight_packed"}),
    "gptq": frozenset({"g_idx"}),
    "awq": frozenset({"qweight"}),
    "hqq": frozenset({"W_q"}),
    "mxfp4": frozenset({"gate_up_proj_blocks", "down_proj_blocks"}),
}


@dataclass(frozen=True)
class Unpacked:
    """Parameters by name as the model has them; the shape of a packed one is None, where it says nothing."""

    shapes: dict[str, Shape | None]
    packed_modules: frozenset[str]


def unpacked(tensors: Iterable[Tensor]) -> Unpacked:
    """Return the parameters that a file stands for: packed weights under their own names, without their helpers."""
    named = [(_own_name(tensor), tensor) for tensor in tensors]
    modules = frozenset(name.rpartition(".")[0] for name, tensor in named if _is_packed(tensor))
    shapes = {
        name: None if _is_packed(tensor) else tensor.shape for name, tensor in named if not _helps(tensor.name, modules)
    }
    return Unpacked(shapes, modules)


def scheme_of(tensors: Sequence[Tensor]) -> str | None:
    """Return how weights are quantised; None = they are not.

    A library's scheme, "mlx", "fp8", or the type of most elements among the quantised types of GGUF.
    """
    last_parts = {tensor.name.rpartition(".")[2] for tensor in tensors}
    scheme = next((scheme for scheme, own in _SCHEMES.items() if own & last_parts), None)
    if scheme:
        return scheme
    if "biases" in last_parts and any(tensor.dtype == "U32" for tensor in tensors):
        return "mlx"
    if any(_FLOAT8.fullmatch(tensor.dtype) for tensor in tensors):
        return "fp8"
    return main_dtype(tensor for tensor in tensors if tensor.dtype in QUANTISED_TYPES)


def main_dtype(tensors: Iterable[Tensor]) -> str | None:
    """Return the type of most elements, the first in the alphabet of equal ones; None = there are no tensors."""
    elements: dict[str, int] = {}
    for tensor in tensors:
        elements[tensor.dtype] = elements.get(tensor.dtype, 0) + math.prod(tensor.shape)
    return min(elements, key=lambda dtype: (-elements[dtype], dtype), default=None)


def _own_name(tensor: Tensor) -> str:
    renamed = _PACKED_NAME.fullmatch(tensor.name)
    if renamed:
        return renamed["module"] + "weight"
    blocks = _BLOCKS.fullmatch(tensor.name)
    return blocks["parameter"] if blocks else tensor.name


def _is_packed(tensor: Tensor) -> bool:
    """Return whether a tensor holds a weight in a form whose shape may differ from the parameter's."""
    return _PACKED_DTYPE.fullmatch(tensor.dtype) is not None and _HELPER.fullmatch(tensor.name) is None


def _helps(name: str, packed_modules: frozenset[str]) -> bool:
    helper = _HELPER.fullmatch(name)
    return helper is not None and helper["module"] in packed_modules
