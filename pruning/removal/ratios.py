"""What share is asked for: read, checked against a method, and the shares at which a method is tried."""

from collections.abc import Sequence
from math import isfinite

from pipeline.errors import UsageError
from pruning.removal.records import Method


def check_ratio(ratio: float) -> None:
    """Raise `UsageError` when a ratio is not in (0, 1)."""
    if not isfinite(ratio) or not 0 < ratio < 1:
        raise UsageError(f"--ratio: expected a fraction in (0, 1), the share to remove, got {ratio!r}")


def read_ratio(text: str) -> float:
    """Return the ratio that a user wrote. Raises `UsageError` when it is no number in (0, 1)."""
    try:
        ratio = float(text)
    except ValueError as error:
        raise UsageError(f"--ratio: expected a fraction in (0, 1), the share to remove, got {text!r}") from error
    check_ratio(ratio)
    return ratio


def check_method_ratio(method: Method, ratio: float) -> None:
    """Raise `UsageError` when a ratio is not in (0, 1), or not the one that the method fixes."""
    check_ratio(ratio)
    if method.fixed_ratio is not None and ratio != method.fixed_ratio:
        raise UsageError(f"--ratio: {method.name} removes exactly {method.fixed_ratio:g}, got {ratio!r}")


def ratios_of(method: Method, ratios: Sequence[float]) -> tuple[float, ...]:
    """Return the ratios at which a method is tried: those asked for, each once, or the only one that it knows."""
    return tuple(dict.fromkeys(ratios)) if method.fixed_ratio is None else (method.fixed_ratio,)
