"""The device that pruning computes on: what a setting asks for, what stands in keys, and what this machine has."""

from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    import torch

    from pipeline.settings import Settings


def device_name(wanted: str) -> str:
    """Return what torch calls the device that a setting asks for, on whatever machine: cpu for auto."""
    return "cpu" if wanted == "auto" else wanted


def device_type(wanted: str) -> str:
    """Return what stands in keys and rows: cpu or cuda, whatever the number. Equal GPUs give equal experiments."""
    return device_name(wanted).partition(":")[0]


def command_device(wanted: str) -> str:
    """Return the device for one model: cpu for auto, cuda or cuda:i where torch sees it. Raises `UsageError`."""
    if device_type(wanted) == "cpu":
        return "cpu"
    import torch

    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(wanted.partition(":")[2] or 0) >= seen:
        known = ", ".join(["auto or cpu", *(f"cuda:{index}" for index in range(seen))])
        raise UsageError(f"--device: expected {known}, got {wanted!r}; torch sees {seen} CUDA devices here")
    return wanted


def check_machine(settings: "Settings") -> None:
    """Raise `UsageError` where experiments of these settings cannot be computed; a plan of them can be made anywhere.

    Ray and SLURM find the GPU that a task asks for: only children of this machine are this machine's matter.
    """
    if settings.engine == "local":
        command_device(settings.device)


def check_numbering(settings: "Settings") -> None:
    """Raise `UsageError` for a numbered GPU where an engine chooses it: a task sees its own as the first."""
    if settings.engine != "local" and ":" in settings.device:
        raise UsageError(
            f"--device: expected auto, cpu or cuda with --engine {settings.engine}, which gives each task a GPU of its "
            f"own, got {settings.device!r}"
        )


def gpus_of(settings: "Settings") -> int:
    """Return how many GPUs a task asks its engine for."""
    return 0 if device_type(settings.device) == "cpu" else 1


def pruning_workers(settings: "Settings") -> int:
    """Return the number of child processes: as set; else one a core, and one alone where they would share a GPU."""
    shared = gpus_of(settings) > 0 and settings.engine == "local"
    return 1 if shared and not settings.workers else settings.worker_count


def give_back(device: str) -> None:
    """Hand memory that torch keeps for later tensors back to a GPU, for other processes; on a CPU nothing is kept."""
    if device != "cpu":
        import torch

        torch.cuda.empty_cache()


def device_of(model: "torch.nn.Module") -> "torch.device":
    """Return the device of a model's last parameter: some models make their first one on the CPU whatever is asked."""
    return [*model.parameters()][-1].device
