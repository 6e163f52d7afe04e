"""What a stage gives back to whoever ran it."""

from dataclasses import dataclass, field
from typing import Literal

StageName = Literal["extract", "process", "prune", "analyze"]


@dataclass(frozen=True)
class StageReport:
    """The outcome of one stage: counts by what they count, and sentences worth telling."""

    stage: StageName
    counts: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StagePlan:
    """What a stage would do now: for `--dry-run`. Estimates; `download_bytes` 0 means no network."""

    stage: StageName
    steps: tuple[str, ...]
    download_bytes: int
    seconds: float
