"""What a metric is and what it looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher", "neither"]
Choice = Literal["greedy", "sampled"]


@dataclass(frozen=True)
class WindowScores:
    """Sums over the scored tokens of each window.

    `losses` and `dense_losses` are negative log-likelihoods, `kl` divergences of the next-token distribution from the
    dense model's, all nats; `agreements` count tokens whose most likely successor is the dense model's. Of a dense
    model only `losses` are there.
    """

    losses: tuple[float, ...] = ()
    dense_losses: tuple[float, ...] = ()
    kl: tuple[float, ...] = ()
    agreements: tuple[int, ...] = ()


@dataclass(frozen=True)
class Generated:
    """Continuations of fixed prompts, all of one length, and their summed loss under the dense model, nats."""

    choice: Choice
    tokens: tuple[tuple[int, ...], ...]
    dense_losses: tuple[float, ...]


@dataclass(frozen=True)
class Agreement:
    """How outputs compare with the dense model's, per input: mean cosine, share of equal largest entries."""

    cosines: tuple[float, ...]
    top1: tuple[float, ...]


@dataclass(frozen=True)
class Energy:
    """What one forward pass took on average: joules, and grams of CO2."""

    joules: float
    grams: float
    passes: int


@dataclass(frozen=True)
class Observation:
    """Everything that was observed of one model, beside the dense model that it came from.

    `window_losses` are sums of negative log-likelihoods over a window, nats, and `window_tokens` the scored tokens
    behind each; both empty without a text. `seconds` are forward passes, interleaved with `dense_seconds`; so are
    `decode_seconds` of single tokens. `dense_*` of a dense model are its own numbers; `dense_seconds`, `dense_losses`
    and what compares with the dense model are empty then. None or empty: was not observed, does not apply.
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
    window: int | None = None
    stride: int | None = None
    dense_losses: tuple[float, ...] = ()
    kl: tuple[float, ...] = ()
    agreements: tuple[int, ...] = ()
    decode_seconds: tuple[float, ...] = ()
    dense_decode_seconds: tuple[float, ...] = ()
    peak_bytes: int | None = None
    flops: int | None = None
    generated: tuple[Generated, ...] = ()
    pseudo_losses: tuple[float, ...] = ()
    pseudo_tokens: tuple[int, ...] = ()
    noise: Agreement | None = None
    images: Agreement | None = None
    energy: Energy | None = None


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
    """A metric: the function returns None where it does not apply. `direction` says which way is better.

    `meaning` and `source` are for docs/METRICS.md.
    """

    name: str
    unit: str
    direction: Direction
    function: Callable[[Observation], Measurement | None]
    meaning: str
    source: str


def shown(measurement: Measurement) -> str:
    """Return a value for people: whole numbers with separators, others with four digits."""
    value = measurement.value
    whole = measurement.unit in ("parameters", "weights", "bytes", "operations", "tokens")
    return f"{value:,.0f}" if whole else f"{value:.4g}"
