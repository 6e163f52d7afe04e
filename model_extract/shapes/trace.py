"""Input and output shapes of every module of a model, from one forward on the meta device."""

import json
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from model_extract.shapes.inputs import Input, fed_inputs, main_inputs, n_layouts
from model_extract.traits import text_config, value_of
from pipeline.inference import without_dropout

if TYPE_CHECKING:
    import torch
    from torch import nn

    from model_extract.shapes.known_values import Twins

Shapes = dict[str, tuple[str | None, str | None]]
_MOST_TENSORS = 32  # of one input or output that are listed
_LONGEST_FAILURE = 500
_CORRECTIONS = 4  # forwards with another number of placeholders
_MOST_PLACEHOLDERS = 20_000
# How transformers says that a text has another number of placeholders than there are features.
_MISMATCH = re.compile(r"(image|video|audio|multimodal)\b.*?features:? *(\d+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class ShapeTrace:
    """What one forward showed.

    `shapes` has every path of `named_modules()`, the root's is "", with the shape of its first input that holds a
    tensor and of its output, at its first call. A tensor's shape is a JSON list of integers; several tensors, in a
    tuple, a dictionary or a ModelOutput at any depth, are a list of such, at most 32. None = there was no tensor, or
    the module was not called. `failure` is None or, in one line, why the forward did not come to its end: the shapes
    are then those of what had run. `inputs` is a JSON object: name of the input -> its shape.
    """

    shapes: Shapes
    failure: str | None
    inputs: str


def trace_shapes(model: "nn.Module", config: Any, seconds: float) -> ShapeTrace:
    """Run a model that was built on the meta device once, with inputs made for its modality.

    What the model is fed is tried in a fixed order until a forward comes to its end, for at most `seconds` in all;
    where none does, the one that reached most modules counts. Raises nothing that a forward raises.
    """
    deadline = time.monotonic() + seconds
    best: ShapeTrace | None = None
    with without_dropout(model), _quiet():
        for trace in _trials(model, config, deadline):
            if best is None or _reached(trace) > _reached(best) or trace.failure is None:
                best = trace
            if trace.failure is None or time.monotonic() > deadline:
                break
    assert best is not None  # the first trial is always made
    return best


def _trials(model: "nn.Module", config: Any, deadline: float) -> Iterator[ShapeTrace]:
    """Yield a trace for each way to feed the model: the fullest inputs first, the main input alone last."""
    for layout in range(n_layouts(model, config)):
        placeholders: dict[str, int] = {}
        for _ in range(_CORRECTIONS):
            inputs = fed_inputs(model, config, layout, placeholders)
            trace = _forward(model, inputs, deadline)
            yield trace
            corrected = {**placeholders, **_missed_placeholders(trace.failure or "", config)}
            if corrected == placeholders:
                break
            placeholders = corrected
    yield _forward(model, main_inputs(model, fed_inputs(model, config, 0, {})), deadline)


def _missed_placeholders(failure: str, config: Any) -> dict[str, int]:
    """Return how many tokens a modality wants in the text, read from a model's own words.

    Some count the elements of the features: such a number is divided by the width of the text.
    """
    match = _MISMATCH.search(failure)
    if match is None:
        return {}
    count, width = int(match[2]), value_of(text_config(config), "hidden_size")
    if isinstance(width, int) and width > 0 and count % width == 0:
        count //= width
    modality = match[1].lower()
    return {"image" if modality == "multimodal" else modality: min(count, _MOST_PLACEHOLDERS)}


def _forward(model: "nn.Module", inputs: Sequence[Input], deadline: float) -> ShapeTrace:
    """Run one forward and return what it showed.

    A guarded boundary: several hundred forwards of other people can raise anything.
    """
    from model_extract.shapes.known_values import known_values

    failure = None
    with _recording(model) as shapes:
        try:
            with known_values(deadline) as twins:
                _restore_constants(model, twins)
                model(**{fed.name: _tensor(fed, twins, model) for fed in inputs})
        except Exception as error:  # noqa: BLE001  # the boundary
            failure = f"{type(error).__name__}: {' '.join(str(error).split())}"[:_LONGEST_FAILURE]
    return ShapeTrace(shapes, failure, json.dumps(_fed_shapes(inputs)))


def _fed_shapes(inputs: Sequence[Input]) -> dict[str, list[int]]:
    return {fed.name: [*fed.shape] for fed in inputs if fed.kind != "plain"}


def _tensor(fed: Input, twins: "Twins", model: "nn.Module") -> Any:
    """Return an input as a meta tensor; token ids and other integers with their values."""
    import torch

    if fed.kind == "plain":
        return fed.values
    if fed.kind in ("float", "floats"):
        tensor = torch.empty(fed.shape, dtype=_float_type(model), device="meta")
        twins.forget(tensor)  # what memory holds that was not written to is no value
        return tensor if fed.kind == "float" else [*tensor]
    dtype = torch.bool if fed.kind == "bool" else torch.long
    given = torch.full(fed.shape, fed.kind != "long") if fed.values is None else torch.tensor(fed.values)
    return twins.enter(given.to(dtype))


def _float_type(model: "nn.Module") -> "torch.dtype":
    """Return the type of a model's first parameter that is no integer."""
    import torch

    types = (parameter.dtype for parameter in model.parameters())
    return next((one for one in types if one.is_floating_point), torch.float32)


def _restore_constants(model: "nn.Module", twins: "Twins") -> None:
    """Give the buffers in which audio codecs keep the numbers of their convolutions the values they were built with."""
    import torch

    for module in model.modules():
        convolution = getattr(module, "conv", None)
        if isinstance(convolution, torch.nn.Conv1d) and "padding_total" in module._buffers:
            stride, width = convolution.stride[0], (convolution.kernel_size[0] - 1) * convolution.dilation[0] + 1
            values = {"stride": stride, "kernel_size": width, "padding_total": width - stride}
            for name, buffer in module._buffers.items():
                if name in values and buffer is not None:
                    twins.set(buffer, values[name])


@contextmanager
def _recording(model: "nn.Module") -> Iterator[Shapes]:
    """Collect the shapes of each module's first call inside."""
    from torch.nn.modules.module import register_module_forward_hook

    names = {id(module): name for name, module in model.named_modules()}
    shapes: Shapes = dict.fromkeys(names.values(), (None, None))

    def record(module: "nn.Module", args: Any, *rest: Any) -> None:
        *named, output = rest  # torch leaves the named arguments out where the module failed
        name = names.get(id(module))
        if name is not None and shapes[name] == (None, None):
            shapes[name] = (
                _first_shape([*args, *(value for some in named for value in some.values())]),
                _shape(output),
            )

    handle = register_module_forward_hook(record, with_kwargs=True, always_call=True)
    try:
        yield shapes
    finally:
        handle.remove()


def _first_shape(arguments: Sequence[Any]) -> str | None:
    return next((shape for shape in map(_shape, arguments) if shape is not None), None)


def _shape(value: Any) -> str | None:
    """Return the shapes of the tensors in a value as JSON; None = there are none."""
    found = [list(tensor.shape) for tensor in islice(_tensors(value), _MOST_TENSORS)]
    if not found:
        return None
    return json.dumps(found[0] if len(found) == 1 else found)


def _tensors(value: Any) -> Iterator["torch.Tensor"]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors([*value.values()])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one)


def _reached(trace: ShapeTrace) -> int:
    return sum(output is not None for _, output in trace.shapes.values())


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the libraries keep their warnings to themselves and compile nothing."""
    from torch.compiler import set_stance
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings(action="ignore"), set_stance("force_eager"):
            yield
    finally:
        logging.set_verbosity(verbosity)
