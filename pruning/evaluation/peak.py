"""The most memory that a forward pass holds."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pruning.devices import device_of
from pruning.evaluation.timing import pass_arguments

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def peak_bytes(model: "PreTrainedModel", inputs: "Mapping[str, torch.Tensor]") -> int:
    """Return the bytes of parameters and buffers and of what one forward pass holds at its worst moment.

    On a CPU those are the live tensors that its operations made, counted at every operation: the same on every
    machine, without what an operation takes and gives back inside. On CUDA the allocator's peak.
    """
    import torch

    arguments = pass_arguments(model, inputs)
    own = _storage_bytes([*model.parameters(), *model.buffers()])
    device = device_of(model)
    with torch.inference_mode():
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
            model(**arguments)
            return own + torch.cuda.max_memory_allocated(device) - before
        return own + _live_peak(model, arguments)


def _storage_bytes(tensors: "list[torch.Tensor]") -> int:
    """Return the bytes behind tensors; what several share is counted once."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def _live_peak(model: "PreTrainedModel", arguments: "Mapping[str, torch.Tensor | bool]") -> int:
    """Return the largest sum of bytes of storages that were made in a forward pass and not yet freed."""
    import weakref

    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    given = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}

    class Counter(TorchDispatchMode):
        """Counts the storages of all results. A storage's Python object lives as long as the storage."""

        live, peak = 0, 0

        def __init__(self) -> None:
            super().__init__()
            self.known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            for leaf in tree_leaves(result):
                if isinstance(leaf, torch.Tensor):
                    self.add(leaf.untyped_storage())
            return result

        def add(self, storage: torch.UntypedStorage) -> None:
            if storage in self.known or storage.data_ptr() in given:
                return
            self.known.add(storage)
            size = storage.nbytes()
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self.free, size)

        def free(self, size: int) -> None:
            self.live -= size

    with Counter() as counter:
        model(**arguments)
    return counter.peak
