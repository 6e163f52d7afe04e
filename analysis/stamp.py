"""The line under every title: where the report's models come from, and whether something is wrong with it."""

from collections.abc import Iterable

from analysis.section import Answers
from analysis.sections.analyze.runs import RUNS
from analysis.sections.extract.catalog import SOURCES, SourceRow
from analysis.sections.prune.sanity import CHECKS, alarm

# Sources that need no network: a report of these alone says so.
LOCAL_SOURCES = frozenset({"builtin", "reference", "directory"})


def stamp_of(answers: Answers) -> str:
    """Return the line under every title: failed sanity checks, how complete the run is and its sources."""
    sources = answers[SOURCES]
    reach = _reach(sources)
    loud = alarm(answers[CHECKS])
    reach = f"{loud} {reach}" if loud else reach
    return f"{reach} Source: {', '.join(sorted(row.source for row in sources))}."


def newest_run(answers: Answers) -> str:
    """Return the sentence about the newest run; it stands where a new run changes the page in any case."""
    newest = max(answers[RUNS], key=lambda row: row.run_id)
    return f"Newest run {newest.run_id}, started {newest.started_at:%Y-%m-%d %H:%M} UTC."


def _reach(sources: Iterable[SourceRow]) -> str:
    rows = [*sources]
    if {row.source for row in rows} <= LOCAL_SOURCES:
        return "OFFLINE RUN: nothing here was listed on the Hub."
    if any(row.n_pending for row in rows):
        return "PARTIAL RUN: some models were listed and not read."
    return "Full run."
