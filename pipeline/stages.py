"""What a stage gives back to whoever ran it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.text import count_of

StageName = Literal["extract", "process", "prune", "analyze"]


@dataclass(frozen=True)
class StageReport:
    """The outcome of one stage: counts by what they count, and sentences worth telling."""

    stage: StageName
    counts: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StagePlan:
    """What a stage would do now: for `--dry-run`. Estimates; `download_bytes` 0 means no network.

    `items` are the pieces of work in their order, each with the same fields, where a stage can name them.
    """

    stage: StageName
    steps: tuple[str, ...]
    download_bytes: int
    seconds: float
    items: tuple[Mapping[str, str | int | float], ...] = ()


def deadline_of(settings: Settings) -> float | None:
    """Return the moment of `time.monotonic` when the settings' `max_minutes` from now are over; None = no limit."""
    return time.monotonic() + 60 * settings.max_minutes if settings.max_minutes else None


def left_over(count: int, what: str, settings: Settings) -> tuple[str, ...]:
    """Return what is to be told of the work that did not begin in time; nothing when there is none."""
    if not count:
        return ()
    begun = f"{count_of(count, what)} did not begin within --max-minutes {settings.max_minutes:g}"
    return (f"{begun}; the same command goes on with what is left",)


def tell_plan(plan: StagePlan, progress: Progress) -> None:
    """Print a plan: its steps, and with `-v` or as JSON its pieces of work, too."""
    steps = [f"  {step}" for step in plan.steps]
    items = ["    " + " ".join(f"{name}={value}" for name, value in item.items()) for item in plan.items]
    headline = (
        f"{plan.stage}: {count_of(len(plan.steps), 'step')}, about {plan.seconds:.0f} s, "
        f"{plan.download_bytes / 1e6:.1f} MB to download"
    )
    progress.result(
        "\n".join([headline, *steps, *(items if progress.verbose else ())]),
        stage=plan.stage,
        steps=plan.steps,
        seconds=plan.seconds,
        download_bytes=plan.download_bytes,
        items=plan.items,
    )
