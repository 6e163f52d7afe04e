"""Whether a checkpoint is pruned in memory or from disk to disk."""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

from pipeline.errors import UsageError
from pruning.errors import UnsupportedModelError
from pruning.memory import free_memory
from pruning.methods import Method

StreamMode = Literal["auto", "always", "never"]
MODES: tuple[StreamMode, ...] = ("auto", "always", "never")
_FP32_BYTES = 4
# The dense model stays beside the pruned one, for the comparison.
_FRACTION = 0.5


@dataclass(frozen=True)
class Way:
    """`stream`: from disk to disk; `why` says the way and its reason, for people."""

    stream: bool
    why: str


def choose_way(wanted: str, folder: Path, method: Method) -> Way:
    """Return the way for a method on a checkpoint.

    `auto` streams when the weights in fp32 take more than half of the free memory, unless the method needs the whole
    model (`needs_whole_model`). Raises `UsageError` for an unknown mode and `UnsupportedModelError` when
    `always` is asked of such a method.
    """
    if wanted not in MODES:
        raise UsageError(f"--stream: expected {', '.join(MODES)}, got {wanted!r}")
    whole = needs_whole_model(method)
    if wanted == "always" and whole:
        raise UnsupportedModelError(f"--stream always: {whole}")
    if wanted != "auto":
        return Way(wanted == "always", f"{_words(wanted == 'always')}, as --stream {wanted} says")
    needed, free = fp32_bytes(folder), free_memory()
    sizes = f"the weights take {_size(needed)} in fp32, {_size(free)} of memory are free"
    short = free is not None and needed > _FRACTION * free
    if short and whole:
        return Way(False, f"{_words(False)} although {sizes}: {whole}")
    return Way(short, f"{_words(short)}: {sizes}")


def needs_whole_model(method: Method) -> str | None:
    """Return why a method cannot work on one layer at a time, or None when it can."""
    if method.whole_model:
        return f"{method.name} runs the model to its end, which needs the whole model in memory"
    if method.scope not in ("weight", "factorisation"):
        return f"{method.name} removes {method.scope}s, which needs the whole model in memory"
    return None


def fp32_bytes(folder: Path) -> int:
    """Return the bytes of a checkpoint's tensors in fp32. Raises `UsageError` for files that are no safetensors."""
    from safetensors import SafetensorError, safe_open

    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "numpy") as stream:
                total += sum(prod(stream.get_slice(name).get_shape()) for name in stream.keys())  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UsageError(f"{str(file)!r} is no safetensors file: {error}") from error
    return _FP32_BYTES * total


def _words(stream: bool) -> str:
    return "pruned from disk to disk, one layer in memory; nothing is measured" if stream else "pruned in memory"


def _size(count: int | None) -> str:
    return "an unknown amount" if count is None else f"{count / 1e9:,.3g} GB"
