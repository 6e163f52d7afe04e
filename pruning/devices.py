"""The device that a command computes on."""

from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    import torch


def command_device(wanted: str) -> str:
    """Return the device for one model: cpu for auto, cuda or cuda:i where torch sees it. Raises `UsageError`."""
    if wanted in ("auto", "cpu"):
        return "cpu"
    import torch

    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(wanted.partition(":")[2] or 0) >= seen:
        known = ", ".join(["auto or cpu", *(f"cuda:{index}" for index in range(seen))])
        raise UsageError(f"--device: expected {known}, got {wanted!r}; torch sees {seen} CUDA devices here")
    return wanted


def device_of(model: "torch.nn.Module") -> "torch.device":
    """Return the device of a model's last parameter: some models make their first one on the CPU whatever is asked."""
    return [*model.parameters()][-1].device
