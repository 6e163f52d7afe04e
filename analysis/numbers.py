"""Numbers as people read them. The numbers themselves stay unrounded in the CSV files."""

from collections.abc import Callable, Iterable

from pipeline.text import count_of, short_count

__all__ = [
    "FORMS",
    "count_of",
    "decimal",
    "known_span",
    "many",
    "multiple",
    "percent",
    "range_of",
    "share_of",
    "short_count",
    "span",
    "times",
    "times_with_interval",
    "with_interval",
]


def many(number: int) -> str:
    """Return 12345 as "12,345"."""
    return f"{number:,}"


def percent(fraction: float) -> str:
    """Return .256 as "26 %"."""
    return f"{100 * fraction:.0f} %"


def decimal(number: float) -> str:
    """Return a number with three significant digits, from a thousand on "1,234", from a million on "1.23 M"."""
    if abs(number) >= 1000:
        return f"{number:,.0f}" if abs(number) < 1e6 else short_count(number)
    return f"{float(f'{number:.3g}'):g}"


def times(ratio: float) -> str:
    """Return 1.0283 as "1.03 x" and 161.3 as "161 x"."""
    return f"{multiple(ratio)} x"


def multiple(ratio: float) -> str:
    """Return 1.0283 as "1.03" and 161.3 as "161", for the ends of an interval of multiples."""
    return f"{ratio:.2f}" if ratio < 100 else decimal(ratio)


def with_interval(value: float, low: float | None, high: float | None) -> str:
    """Return "8.43 [8.3, 8.57]", or the bare value without an interval."""
    if low is None or high is None:
        return decimal(value)
    return f"{decimal(value)} [{decimal(low)}, {decimal(high)}]"


def times_with_interval(ratio: float, low: float | None, high: float | None) -> str:
    """Return "1.23 x [1.20, 1.26]", or the bare multiple without an interval."""
    return times(ratio) if low is None or high is None else f"{times(ratio)} [{multiple(low)}, {multiple(high)}]"


def range_of(numbers: Iterable[int]) -> str:
    """Return "96", or "1,024 to 4,096" when the numbers differ. ValueError: there are none."""
    found = {*numbers}
    low, high = min(found), max(found)
    return many(low) if low == high else f"{many(low)} to {many(high)}"


def span(low: float, high: float) -> str:
    """Return "12" or "12 to 48", in short counts."""
    return short_count(low) if low == high else f"{short_count(low)} to {short_count(high)}"


def known_span(low: float | None, high: float | None) -> str:
    """Return "12 to 48" as `span` does, "not read" where an end is unknown."""
    return "not read" if low is None or high is None else span(low, high)


def exact_times(ratio: float) -> str:
    """Return 1.0283 as "1.028 x"."""
    return f"{ratio:.3f} x"


def exact_percent(fraction: float) -> str:
    """Return .2564 as "25.6 %"."""
    return f"{100 * fraction:.1f} %"


def share_of(fraction: float | None) -> str:
    """Return .2564 as "25.6 %", None as "not measured"."""
    return "not measured" if fraction is None else exact_percent(fraction)


def correlation(rho: float) -> str:
    """Return -.256 as "-0.26"."""
    return f"{rho:.2f}"


def plain(number: float) -> str:
    """Return a setting as it was given, such as "0.85"."""
    return f"{number:g}"


def _many(number: float) -> str:
    return many(int(number))


# How the numbers of the index are written, by the name that stands beside each in csv_data/index_numbers.csv.
FORMS: dict[str, Callable[[float], str]] = {
    "many": _many,
    "percent": percent,
    "exact_percent": exact_percent,
    "decimal": decimal,
    "times": times,
    "multiple": multiple,
    "exact_times": exact_times,
    "short_count": short_count,
    "correlation": correlation,
    "plain": plain,
}
