"""Writing a pruned model as a normal checkpoint: whole or not at all, and only after it was read back."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.errors import UnsupportedModelError
from pruning.finite import check_finite
from pruning.inputs import example_inputs, main_output
from pruning.models import load_model, quiet, weight_bytes
from pruning.workspace import recover_beside, workspace

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Files of the base that a pruned checkpoint needs unchanged.
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
)


def check_output(folder: Path, *, overwrite: bool) -> None:
    """Raise `UsageError` when a checkpoint cannot go to `folder`: it is there already, or it cannot be written."""
    recover_beside(folder)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"--output: expected a folder, got {str(folder)!r}")
    if folder.exists() and not overwrite:
        raise UsageError(f"--output: {str(folder)!r} exists already; name another folder or give --overwrite")
    inside = [*folder.iterdir()] if folder.exists() else []
    if inside and (not (folder / "config.json").is_file() or any(each.is_dir() for each in inside)):
        raise UsageError(f"--output: {str(folder)!r} holds something else than a checkpoint; it is not overwritten")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with workspace(folder):
            pass
    except OSError as error:
        raise UsageError(f"--output: cannot write to {str(folder.parent)!r}: {error.strerror}") from error


def save_checkpoint(
    model: "PreTrainedModel", base: Path, folder: Path, *, dtype: "torch.dtype", card: str, overwrite: bool = False
) -> None:
    """Save weights in `dtype`, config, generation config, the base's tokenizer files and a model card.

    The weights in memory are rounded to `dtype` as well: what a method computed (SparseGPT's weights, FLAP's biases) is
    then what is stored. Written beside `folder`, read back, compared with the model in memory, and only then renamed.
    Raises `UsageError` when the folder cannot be written and `UnsupportedModelError` when what transformers reads back
    is another model.
    """
    from safetensors import SafetensorError

    check_output(folder, overwrite=overwrite)
    try:
        with workspace(folder) as place:
            round_weights(model, dtype)
            write_weights(model, place.draft, dtype)
            copy_tokenizer(base, place.draft)
            (place.draft / "README.md").write_text(card, encoding="utf-8")
            check_reload(model, place.draft)
            place.finish()
    except (OSError, SafetensorError) as error:
        raise UsageError(f"--output: writing {str(folder)!r} failed, nothing was left there: {error}") from error


def write_weights(model: "PreTrainedModel", folder: Path, dtype: "torch.dtype") -> None:
    """Write weights in `dtype`, config and generation config.

    Values that a method leaves as they were read from fp16 go back to fp16 without rounding. Raises `NotFiniteError`
    for a parameter that is NaN or infinite, or becomes so in `dtype`.
    """
    state = _cast(model.state_dict(), dtype)
    for name, _ in model.named_parameters():
        check_finite(state[name], f"{name} in {str(dtype).removeprefix('torch.')}")
    with quiet():
        model.save_pretrained(folder, state_dict=state)
    loaded = model.config.dtype
    model.config.dtype = dtype
    model.config.save_pretrained(folder)
    model.config.dtype = loaded
    # safetensors creates its file for the owner alone; a checkpoint is read by whom its config is read.
    readers = (folder / "config.json").stat().st_mode
    for weights in folder.glob("*.safetensors"):
        weights.chmod(readers)


def round_weights(model: "PreTrainedModel", dtype: "torch.dtype") -> None:
    """Round what is stored of a model to `dtype`, in memory; the tensors keep their own dtype.

    What was read from fp16 and is left as it was needs no rounding; what a method computed anew does.
    """
    import torch

    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.to(dtype))


def measured_bytes(model: "PreTrainedModel", dtype: "torch.dtype") -> int:
    """Return the size of the model's safetensors, bytes: it is written to a temporary folder.

    The model's config, which saving writes into, is left as it was. Raises `UsageError` when there is no room.
    """
    from safetensors import SafetensorError

    config = {**vars(model.config)}
    try:
        with tempfile.TemporaryDirectory(prefix="arborist-") as place:
            write_weights(model, Path(place), dtype)
            return weight_bytes(Path(place))
    except (OSError, SafetensorError) as error:
        raise UsageError(
            f"measuring bytes needs room for a copy of the model in {tempfile.gettempdir()!r} (TMPDIR names another): "
            f"{error}"
        ) from error
    finally:
        vars(model.config).update(config)


def check_reload(model: "PreTrainedModel", folder: Path) -> None:
    """Raise `UnsupportedModelError` unless the checkpoint in `folder` answers as the model in memory does."""
    import torch

    inputs = example_inputs(model)
    with torch.inference_mode():
        expected = main_output(model(**inputs))
        found = main_output(load_model(folder)(**inputs))
    if not torch.allclose(expected, found, rtol=1e-4, atol=1e-5, equal_nan=True):
        raise UnsupportedModelError(
            f"{type(model).__name__}: transformers cannot store this pruned shape; what it reads back differs by up to "
            f"{float((expected - found).abs().max()):.3g} in the logits. Nothing was saved"
        )


def _cast(state: dict[str, "torch.Tensor"], dtype: "torch.dtype") -> dict[str, "torch.Tensor"]:
    """Convert floating tensors; tensors that share memory (tied weights) still do afterwards."""
    converted: dict[tuple[int, Sequence[int]], torch.Tensor] = {}
    for tensor in state.values():
        key = (tensor.data_ptr(), tuple(tensor.shape))
        if key not in converted:
            converted[key] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    return {name: converted[tensor.data_ptr(), tuple(tensor.shape)] for name, tensor in state.items()}


def copy_tokenizer(base: Path, folder: Path) -> None:
    """Copy the tokenizer files that the base has."""
    for name in _TOKENIZER_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, folder / name)
