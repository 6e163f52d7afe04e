"""What a metric is and what it looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Observation:
    """Everything that was observed of one model, beside the dense model that it came from.

    `window_losses` are sums of negative log-likelihoods over a window, nats, and `window_tokens` the predicted tokens
    behind each; both empty without a text. `seconds` are forward passes, interleaved with `dense_seconds`. `dense_*` of
    a dense model are its own numbers; `dense_seconds` is empty then.
    """

    window_losses: tuple[float, ...]
    window_tokens: tuple[int, ...]
    floor_nats_per_token: float | None
    parameters: int
    nonzeros: int
    dense_prunable_weights: int
    file_bytes: int
    seconds: tuple[float, ...]
    dense_seconds: tuple[float, ...]


@dataclass(frozen=True)
class Measurement:
    """One number: `n` windows or repeats behind it (1 = counted), and its 95 % interval where it has one."""

    value: float
    unit: str
    n: int = 1
    ci_low: float | None = None
    ci_high: float | None = None


@dataclass(frozen=True)
class Metric:
    """A metric: the function returns None where it does not apply. `direction` says which way is better."""

    name: str
    unit: str
    direction: Direction
    function: Callable[[Observation], Measurement | None]


def shown(measurement: Measurement) -> str:
    """Return a value for people: whole numbers with separators, others with four digits."""
    value = measurement.value
    return f"{value:,.0f}" if measurement.unit in ("parameters", "weights", "bytes") else f"{value:.4g}"
