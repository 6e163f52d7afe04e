"""What makes two experiments the same: everything that their numbers depend on, and no commit or date."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from store.provenance import content_hash
from store.records import SourceName

# Raised when the evaluation changes its numbers, so that finished experiments become stale.
PROTOCOL_VERSION = 2
DENSE = "dense"
NO_TEXT_HASH = "none"
NOISE_HASH = "noise"


@dataclass(frozen=True)
class Specification:
    """One experiment; method "dense" with ratio 0 is the model as it is.

    `calibration` and `evaluation` are hashes of texts; an evaluation "noise" has none and compares outputs on noise,
    "none" says that no text could be looked for. `seed` is 0 where nothing is drawn. `device` is cpu or cuda: numbers
    of one are never compared with those of the other. `metrics` are the names of all metrics that are measured.
    """

    model_id: str
    source: SourceName
    revision: str
    method: str
    method_version: int
    scope: Literal["none", "weight", "neuron", "head", "layer", "expert", "factorisation"]
    ratio: float
    seed: int
    calibration: str | None
    evaluation: str
    latency_repeats: int
    device: str
    metrics: tuple[str, ...]
    protocol_version: int = PROTOCOL_VERSION

    @property
    def key(self) -> str:
        """Return the experiment's key: 32 hex digits."""
        return content_hash(asdict(self))


@dataclass(frozen=True)
class TextSizes:
    """How much text is used: windows, and tokens a window."""

    evaluation_windows: int
    calibration_windows: int
    window_tokens: int


@dataclass(frozen=True)
class Experiment:
    """A specification, where its model lies, and the estimated time of one worker.

    `refusal` says why it cannot be done at all; None = it can be tried. `device` is where it is computed: cpu, cuda or
    cuda:i.
    """

    specification: Specification
    folder: Path | None
    sizes: TextSizes
    refusal: str | None = None
    seconds: float = 0.0
    device: str = "cpu"
