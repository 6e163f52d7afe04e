"""What the workflow is asked: texts from a form, checked before anything is downloaded."""

import re
from dataclasses import dataclass
from pathlib import Path

from hub import valid_id
from pipeline.errors import UsageError, unknown_name
from pruning.methods import METHODS, check_method_ratio, read_ratio
from pruning.reference import REFERENCE_MODELS

REFERENCE = "reference"
LONGEST = 200  # characters; the longest legal name of a dataset with configuration and split is shorter
_DATASET = re.compile(
    r"(?P<id>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(/[A-Za-z0-9][\w.-]*)?(:[A-Za-z0-9][\w.-]*)?", re.A
)


@dataclass(frozen=True)
class Order:
    """One model to prune; a text "" = the reference language where the model speaks it."""

    model: str
    method: str
    ratio: float
    calibration: str
    evaluation: str

    @property
    def name(self) -> str:
        """Return a name for files and artifacts, which hold no colon (magnitude-2:4)."""
        return f"{self.model.replace('/', '--')}.{self.method.replace(':', '-')}.{self.ratio:g}"

    @property
    def asks_the_hub(self) -> bool:
        """Return whether a text is a dataset of the Hub: the model itself is on the machine by then."""
        return not {self.calibration, self.evaluation} <= {"", REFERENCE}


def read_order(model: str, method: str, ratio: str, calibration: str, evaluation: str) -> Order:
    """Return what the texts ask for. Raises `UsageError` that names the first field that cannot be, and why."""
    order = Order(
        read_model(model),
        METHODS[method[:LONGEST]].name,
        read_ratio(ratio[:LONGEST]),
        read_text("calibration", calibration),
        read_text("evaluation", evaluation),
    )
    check_method_ratio(METHODS[method], order.ratio)
    return order


def read_model(given: str) -> str:
    """Return a model's name: reference/NAME or OWNER/NAME of the Hub, never a folder of the machine."""
    owner, _, name = given.partition("/")
    if owner == REFERENCE:
        if name not in REFERENCE_MODELS:
            raise unknown_name("reference model", name[:LONGEST], REFERENCE_MODELS)
        return given
    if "/" not in given or len(given) > LONGEST or not valid_id(given) or Path(given).exists():
        raise UsageError(
            f"model: expected reference/NAME ({', '.join(REFERENCE_MODELS)}) or OWNER/NAME on the Hub, got "
            f"{given[:LONGEST]!r}"
        )
    return given


def read_text(field: str, given: str) -> str:
    """Return the source of a text: "", reference or a dataset of the Hub, never a file of the machine."""
    if given in ("", REFERENCE):
        return given
    match = _DATASET.fullmatch(given) if len(given) <= LONGEST else None
    if match is None or not valid_id(match["id"]) or ".." in given or Path(given.partition(":")[0]).exists():
        raise UsageError(
            f"{field}: expected reference or a dataset OWNER/NAME[/CONFIG][:SPLIT] on the Hub, got {given[:LONGEST]!r}"
        )
    return given
