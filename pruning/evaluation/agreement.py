"""Whether a model's outputs still are its dense model's: for models whose text, if any, is not scored."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

from pipeline.errors import UsageError
from pruning.devices import device_of
from pruning.errors import UnsupportedModelError
from pruning.evaluation.bootstrap import mean_measurement
from pruning.evaluation.records import Agreement, Measurement, Metric, Observation
from pruning.inputs import example_inputs, main_output, needed_inputs

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

DRAWS = 16
_TOKENS = 32


def noise_inputs(model: "PreTrainedModel") -> "Iterator[dict[str, torch.Tensor]]":
    """Yield 16 inputs: pictures and sound drawn from a normal distribution, one seed each; tokens in another order."""
    import torch

    example = example_inputs(model, _TOKENS)
    for draw in range(DRAWS):
        generator = torch.Generator().manual_seed(draw)
        yield {name: _drawn(value, generator) if "mask" not in name else value for name, value in example.items()}


def _drawn(value: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
    import torch

    if value.is_floating_point():
        return torch.randn(value.shape, generator=generator).to(value)
    return value[..., torch.randperm(value.shape[-1], generator=generator).to(value.device)]


def image_inputs(model: "PreTrainedModel", images: "torch.Tensor") -> "Iterator[dict[str, torch.Tensor]]":
    """Yield supplied pictures (pictures, channels, height, width), as the model's processor makes them, one by one.

    Raises `UnsupportedModelError` for a model that does not read pictures alone, `UsageError` for what are no pictures.
    """
    if images.dim() != 4 or not len(images):
        raise UsageError(f"expected pictures as (pictures, channels, height, width), got {tuple(images.shape)}")
    if needed_inputs(model) != ("pixel_values",):
        raise UnsupportedModelError(f"{type(model).__name__}: expected a model that reads pictures, and nothing else")
    for image in images:
        yield {"pixel_values": image.unsqueeze(0).to(device_of(model), model.dtype)}


def agreement(
    model: "PreTrainedModel", dense: "PreTrainedModel", inputs: "Iterable[Mapping[str, torch.Tensor]]"
) -> Agreement:
    """Compare the main outputs, their last dimension being what a place answers: classes, tokens or features."""
    import torch

    cosines, top1 = [], []
    with torch.inference_mode():
        for given in inputs:
            mine, other = (main_output(one(**given)).float().flatten(0, -2) for one in (model, dense))
            cosines.append(float(torch.nn.functional.cosine_similarity(mine, other, dim=1).double().mean()))
            top1.append(float((mine.argmax(1) == other.argmax(1)).double().mean()))
    return Agreement(tuple(cosines), tuple(top1))


def _measured(
    seen: Observation, *, inputs: Literal["noise", "images"], what: Literal["cosines", "top1"]
) -> Measurement | None:
    found: Agreement | None = getattr(seen, inputs)
    if found is None:
        return None
    values: tuple[float, ...] = getattr(found, what)
    return mean_measurement(values, [1] * len(values), "1")


def _metrics(inputs: Literal["noise", "images"], on: str) -> tuple[Metric, ...]:
    kind = f"{on}; models whose text is not scored; interval over inputs"
    return (
        Metric(
            f"{inputs}_cosine",
            "1",
            "higher",
            partial(_measured, inputs=inputs, what="cosines"),
            f"mean cosine of a place's output and the dense model's, {kind}",
            "this project",
        ),
        Metric(
            f"{inputs}_top1_agreement",
            "1",
            "higher",
            partial(_measured, inputs=inputs, what="top1"),
            f"share of places whose largest output is the dense model's, {kind}",
            "this project",
        ),
    )


AGREEMENT = (*_metrics("noise", f"{DRAWS} seeded noise inputs"), *_metrics("images", "supplied pictures"))
