"""Pictures from a folder as a vision model takes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.inputs import example_inputs

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from transformers import PreTrainedModel

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_PROCESSOR = "preprocessor_config.json"


def picture_files(folder: Path) -> tuple[Path, ...]:
    """Return the pictures of a folder by name. Raises `UsageError` for none."""
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
    if not files:
        raise UsageError(f"--images: expected a folder with pictures ({', '.join(_SUFFIXES)}), got {str(folder)!r}")
    return tuple(files)


def read_pictures(files: Sequence[Path], model: "PreTrainedModel", checkpoint: Path) -> "torch.Tensor":
    """Return (pictures, channels, height, width), fp32, as the image processor in the checkpoint's folder makes them.

    Without one: resized to what the model reads, values from -1 to 1. Raises `UsageError` for a file that is no
    picture, `UnsupportedModelError` for a processor that transformers cannot read; code from outside is never run.
    """
    if (checkpoint / _PROCESSOR).is_file():
        return _processed([_opened(file, "RGB") for file in files], checkpoint)
    _, channels, height, width = example_inputs(model)["pixel_values"].shape
    return _resized([_opened(file, "L" if channels == 1 else "RGB") for file in files], height, width)


def _opened(file: Path, mode: str) -> "Image":
    from PIL import Image

    try:
        with Image.open(file, formats=_FORMATS) as picture:
            return picture.convert(mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"--images: {str(file)!r} is no picture that can be read: {error}") from error


def _processed(pictures: "list[Image]", checkpoint: Path) -> "torch.Tensor":
    from transformers import AutoImageProcessor

    from pruning.models import guarded, quiet

    with guarded(f"{checkpoint.name}: transformers cannot use its image processor"), quiet():
        processor = AutoImageProcessor.from_pretrained(checkpoint, trust_remote_code=False, local_files_only=True)
        return processor(images=pictures, return_tensors="pt")["pixel_values"].float()


def _resized(pictures: "list[Image]", height: int, width: int) -> "torch.Tensor":
    import numpy
    import torch
    from PIL import Image

    rows = [numpy.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)) for picture in pictures]
    values = torch.from_numpy(numpy.stack(rows)).float() / 127.5 - 1
    return values.unsqueeze(1) if values.ndim == 3 else values.permute(0, 3, 1, 2).contiguous()
