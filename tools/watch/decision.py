"""Whether a published report deserves an issue: values in, sentences out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from tools.watch.published import Published, Tally

LEAST_TRIED = 10  # below, one failure is a tenth


@dataclass(frozen=True)
class Thresholds:
    """Days after which a report is old, and how much more than in earlier reports may fail, a fraction."""

    days: float
    jump: float


def findings(report: Published, thresholds: Thresholds, now: datetime, confirmed: datetime | None) -> list[str]:
    """Return what is wrong as sentences that stay the same from one day to the next; empty = all is well.

    A week that finds nothing new publishes nothing: `confirmed` is when a run last found the report to be right.
    """
    return [*_age(report.newest_run, confirmed, thresholds.days, now), *_jumps(report, thresholds.jump)]


def _age(newest_run: datetime | None, confirmed: datetime | None, days: float, now: datetime) -> Iterator[str]:
    if newest_run is None:
        yield "The published report names no run that it was made from."
        return
    newest = max(newest_run, confirmed or newest_run)
    if now - newest > timedelta(days=days):
        yield (
            f"The newest run that made the published report, or found nothing to change in it, started "
            f"{newest:%Y-%m-%d %H:%M} UTC, more than {days:g} days ago."
        )


def _jumps(report: Published, jump: float) -> Iterator[str]:
    """Compare with the median of the earlier versions: one bad week among them moves it little."""
    for what, tally in sorted(report.tallies.items()):
        before = [each.get(what, Tally()) for each in report.earlier]
        rates = [each.rate for each in before if each.total >= LEAST_TRIED]
        if rates and tally.total >= LEAST_TRIED and tally.rate - median(rates) > jump:
            yield (
                f"Of {tally.total:,} {what} {tally.failed:,} failed ({tally.rate:.1%}); in the reports before it was "
                f"{median(rates):.1%} (median of {len(rates)}). More than {jump:.1%} above that is a jump."
            )
