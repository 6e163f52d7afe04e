"""What the published report says of itself, and what its earlier versions said."""

import csv
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from analysis.output import read_manifest
from tools.ci.programs import ask, told

OUTCOMES_FILE = "exports/outcomes.csv"
TRIED = ("models", "experiments")  # no other word of the file comes into an issue
WENT_WELL = ("extracted", "done")  # of models, of experiments
FAILED = "failed"  # what was skipped or refused was meant to be
_COUNT = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True)
class Tally:
    """How often something went well and how often it failed."""

    done: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """Return how often it was tried."""
        return self.done + self.failed

    @property
    def rate(self) -> float:
        """Return the share that failed, a fraction; 0 of nothing."""
        return self.failed / self.total if self.total else 0.0


Tallies = Mapping[str, Tally]


@dataclass(frozen=True)
class Published:
    """A report: the start of its newest run (UTC; None = it names none) and its tallies by what was tried."""

    newest_run: datetime | None
    tallies: Tallies
    earlier: tuple[Tallies, ...]


def read_published(folder: Path, versions: int) -> Published:
    """Return the report in a folder and, where git knows them, its earlier versions, newest first."""
    runs = read_manifest(folder).origin.runs
    path = folder / OUTCOMES_FILE
    now = tallies_of(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Published(
        max(filter(None, (start_of(run.run_id) for run in runs)), default=None),
        now,
        tuple(map(tallies_of, earlier_texts(folder, versions))),
    )


def start_of(run_id: str) -> datetime | None:
    """Return the time in a run's id; None for a text that is no such id."""
    try:
        return datetime.strptime(run_id.partition("-")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return None


def tallies_of(text: str) -> Tallies:
    """Return the tallies in the text of an exports/outcomes.csv.

    Lines that say nothing of this kind do not count, nor what stands behind one that is no CSV.
    """
    found: dict[str, Tally] = {}
    with suppress(csv.Error):
        for row in csv.DictReader(text.splitlines()):
            what, status, count = row.get("what"), row.get("status"), row.get("count") or ""
            if what in TRIED and status in (*WENT_WELL, FAILED) and _COUNT.fullmatch(count):
                before = found.get(what, Tally())
                more = Tally(failed=int(count)) if status == FAILED else Tally(done=int(count))
                found[what] = Tally(before.done + more.done, before.failed + more.failed)
    return found


def earlier_texts(folder: Path, versions: int) -> Iterator[str]:
    """Yield the versions of outcomes.csv that git has behind the newest one, newest first."""
    git = ("git", "-C", str(folder))
    if ask((*git, "rev-parse", "--git-dir")).code != 0:
        return
    commits = told(*git, "log", f"--max-count={versions + 1}", "--format=%H", "--", OUTCOMES_FILE).split()
    for commit in commits[1:]:
        answer = ask((*git, "show", f"{commit}:./{OUTCOMES_FILE}"))
        if answer.code == 0:  # in this version there was one
            yield answer.output
