"""What a run came to, as markdown: for the job's summary and the pull request."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.markdown import escape
from pipeline.errors import UsageError
from store import Store

MOST_ROWS = 20
_NUMBERS = (
    ("models listed", "SELECT count(DISTINCT (source, model_id)) FROM models"),
    ("model revisions with a structure", "SELECT count(*) FROM current_extractions WHERE status = 'extracted'"),
    (
        "model revisions without one, each with a reason",
        "SELECT count(*) FROM current_extractions WHERE status <> 'extracted'",
    ),
    (
        "model revisions that wait for a later run",
        "SELECT count(*) FROM models ANTI JOIN current_extractions USING (source, model_id, revision)",
    ),
    ("families", "SELECT count(DISTINCT family_id) FROM current_families"),
    ("experiments done", "SELECT count(*) FROM current_experiments WHERE status = 'done'"),
    ("experiments refused", "SELECT count(*) FROM current_experiments WHERE status = 'refused'"),
    ("experiments failed", "SELECT count(*) FROM current_experiments WHERE status = 'failed'"),
)
_BEST = ("model_id", "scope", "method", "ratio", "damage", "damage_low", "damage_high", "n_windows")


@dataclass(frozen=True)
class Unfinished:
    """A job of the prune matrix and how many of its experiments have no outcome."""

    name: str
    experiments: int
    open: int


def summary(store: Store, results: str, matrix_file: Path, report: Path) -> str:
    """Return the whole summary; `results` are words such as `extract=success`, one a job.

    The report is quoted after `report=success`: otherwise the folder holds the one that the checkout brought.
    """
    jobs = [tuple(word.split("=", 1)) for word in results.split()]
    if any(len(pair) != 2 for pair in jobs):
        raise UsageError(f"--results: expected words such as extract=success, got {results[:200]!r}")
    failed = [name for name, result in jobs if result in ("failure", "cancelled")]
    parts = [
        f"## {'Failed: ' + ', '.join(map(escape, failed)) if failed else 'All jobs went well'}",
        table(("Job", "Result"), jobs),
        *_unfinished_part(unfinished(store, matrix_file)),
        "## Numbers",
        table(("What", "How many"), [(what, f"{store.rows(sql)[0][0]:,}") for what, sql in _NUMBERS]),
        *(_best_part(report / "exports" / "leaderboard.csv") if ("report", "success") in jobs else []),
    ]
    return "\n\n".join(parts) + "\n"


def unfinished(store: Store, matrix_file: Path) -> list[Unfinished]:
    """Return the jobs of the matrix that left experiments without an outcome; none without a matrix."""
    if not matrix_file.is_file():
        return []
    ended = {key for (key,) in store.rows("SELECT experiment_key FROM current_experiments")}
    jobs = json.loads(matrix_file.read_text(encoding="utf-8"))["include"]
    counted = ((job["name"], job["keys"].split(",")) for job in jobs)
    found = [Unfinished(name, len(keys), len({*keys} - ended)) for name, keys in counted]
    return [each for each in found if each.open]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose cells are plain text."""
    lines = [heads, ["---"] * len(heads), *([escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _unfinished_part(jobs: Sequence[Unfinished]) -> list[str]:
    if not jobs:
        return []
    rows = [(job.name, f"{job.open:,} of {job.experiments:,}") for job in jobs[:MOST_ROWS]]
    rest = [f"and {len(jobs) - MOST_ROWS:,} jobs more"] if len(jobs) > MOST_ROWS else []
    told = "These jobs failed or reached their time limit; the next run goes on with what they left."
    return ["## Left undone", told, table(("Prune job", "Experiments without an outcome"), rows), *rest]


def _best_part(path: Path) -> list[str]:
    """Return the key table of the report: the best method of each model and scope, least damage first."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        best = [row for row in csv.DictReader(stream) if row["best_of_scope"] == "True"]
    best.sort(key=lambda row: (float(row["damage"] or "inf"), row["model_id"], row["scope"]))
    rows = [[_short(row[name]) for name in _BEST] for row in best[:MOST_ROWS]]
    heads = ("Model", "Scope", "Best method", "Ratio", "Perplexity over dense", "from", "to", "Windows")
    shown = f"The {min(MOST_ROWS, len(best))} best of {len(best):,} rows, least damage first; intervals of 95 %."
    return ["## Least damage", shown, table(heads, rows)] if best else []


def _short(text: str) -> str:
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text
