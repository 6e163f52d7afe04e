"""The hidden states that enter a layer, batch by batch: in memory up to a limit, the rest in temporary files."""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# One batch of 2,048 tokens of a model of width 4,096 in fp16 is 17 MB: 128 such batches stay in memory.
STATE_BYTES = 2_500_000_000


class HiddenStates:
    """Tensors by batch, all overwritten once a layer. Those over `limit_bytes` together lie in safetensors files.

    A context manager: the files go with it.
    """

    def __init__(self, limit_bytes: int = STATE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._kept: dict[int, torch.Tensor] = {}
        self._spilled: dict[int, tuple[Path, torch.device]] = {}
        self._place = tempfile.TemporaryDirectory(prefix="arborist-states-")

    def __enter__(self) -> "HiddenStates":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kept.clear()
        self._place.cleanup()

    @property
    def folder(self) -> Path:
        """Return where the files lie."""
        return Path(self._place.name)

    @property
    def kept_bytes(self) -> int:
        """Return the bytes of the tensors in memory, at most the limit."""
        return sum(tensor.nbytes for tensor in self._kept.values())

    def __setitem__(self, batch: int, states: "torch.Tensor") -> None:
        """Keep the states of a batch, in memory where there is room."""
        from safetensors.torch import save_file

        self._kept.pop(batch, None)
        if self.kept_bytes + states.nbytes <= self._limit_bytes:
            self._kept[batch] = states
            self._spilled.pop(batch, None)
        else:
            path = self.folder / f"{batch}.safetensors"
            save_file({"states": states.cpu().contiguous()}, path)
            self._spilled[batch] = path, states.device

    def __getitem__(self, batch: int) -> "torch.Tensor":
        """Return the states of a batch, on the device where they were."""
        from safetensors.torch import load

        if batch in self._kept:
            return self._kept[batch]
        path, device = self._spilled[batch]
        return load(path.read_bytes())["states"].to(device)
