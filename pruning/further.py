"""What a command measures beside the standard metrics, when it is asked to: a stride, pictures, tasks, energy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.adapters import find_adapter
from pruning.errors import UnsupportedModelError
from pruning.evaluation.energy import check_energy
from pruning.evaluation.observe import Extras, predicts_text
from pruning.evaluation.pairs import REFERENCE_PAIRS, reference_pairs
from pruning.evaluation.records import Measurement
from pruning.evaluation.tasks import check_tasks, run_tasks, write_pairs
from pruning.inputs import needed_inputs
from pruning.models import Checkpoint, load_tokenizer
from pruning.pictures_folder import picture_files, read_pictures
from pruning.reference.vocabulary import VOCABULARY
from pruning.texts import speaks_reference_language
from pruning.texts.choose import TextPlan
from pruning.texts.windows import checked_stride

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

REFERENCE = "reference"


@dataclass(frozen=True)
class Further:
    """The flags as they were given; None = not. `tasks` is a folder, or "reference"."""

    stride: int | None = None
    images: Path | None = None
    tasks: str | None = None
    energy: str | None = None

    @property
    def any(self) -> bool:
        """Whether anything was asked for."""
        return any(value is not None for value in vars(self).values())


def check_further(further: Further, plan: TextPlan) -> None:
    """Raise `UsageError` for what can be known to be wrong before a model is looked for."""
    if further.stride is not None:
        if plan.evaluation is None or plan.evaluation.kind == REFERENCE:
            raise UsageError(
                "--stride: expected --evaluation with a text file or a dataset to slide over; the windows of the "
                "reference language hold whole documents"
            )
        checked_stride(further.stride, plan.window_tokens)
    if further.images is not None:
        picture_files(further.images)
    if further.tasks is not None:
        check_tasks(None if further.tasks == REFERENCE else Path(further.tasks))
    if further.energy is not None:
        check_energy(further.energy)


def check_checkpoint(further: Further, checkpoint: Checkpoint) -> None:
    """Raise `UnsupportedModelError` for pairs of the reference language and a model that does not speak it."""
    if further.tasks == REFERENCE and not speaks_reference_language(checkpoint.folder):
        raise UnsupportedModelError(
            f"--tasks reference: {checkpoint.name} does not speak the reference language; give a folder of task files"
        )


def extras_for(further: Further, model: "PreTrainedModel", checkpoint: Checkpoint) -> Extras:
    """Return what is observed of a model beside the standard. Raises as `read_pictures` does, and

    `UnsupportedModelError` for pictures or tasks and a model that does not take them.
    """
    if further.tasks is not None and not predicts_text(model, find_adapter(model)):
        raise UnsupportedModelError(f"--tasks: expected a model that predicts the next token, got {checkpoint.name}")
    return Extras(_images(further, model, checkpoint), further.energy)


def _images(further: Further, model: "PreTrainedModel", checkpoint: Checkpoint) -> "torch.Tensor | None":
    if further.images is None:
        return None
    if needed_inputs(model) != ("pixel_values",):
        raise UnsupportedModelError(f"--images: expected a model that reads pictures alone, got {checkpoint.name}")
    return read_pictures(picture_files(further.images), model, checkpoint.folder)


def task_numbers(further: Further, model: "PreTrainedModel", checkpoint: Checkpoint) -> dict[str, Measurement]:
    """Return `task:NAME:acc` of every task asked for. Raises as `run_tasks` does."""
    if further.tasks is None:
        return {}
    with _task_folder(further.tasks) as folder:
        return run_tasks(model, load_tokenizer(checkpoint.folder), folder)


@contextmanager
def _task_folder(tasks: str) -> Iterator[Path]:
    """Lend the folder; for the reference language one with its minimal pairs."""
    if tasks != REFERENCE:
        yield Path(tasks)
        return
    with TemporaryDirectory(prefix="arborist-pairs-") as folder:
        pairs = [(_sentence(pair.good), _sentence(pair.bad)) for pair in reference_pairs(REFERENCE_PAIRS)]
        write_pairs(Path(folder) / "reference_pairs.jsonl", pairs)
        yield Path(folder)


def _sentence(token_ids: tuple[int, ...]) -> str:
    """Return the words without the beginning-of-text token, which the tokenizer adds."""
    return " ".join(VOCABULARY[token] for token in token_ids[1:])
