"""Same store, same bytes: whatever the order of rows, DuckDB's threads, Python's hashes, and who draws."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analysis.document import Picture
from analysis.figures.architecture import draw_outcomes
from analysis.figures.render import PICTURES_A_WORKER, render_pictures
from analysis.inputs import input_hash
from analysis.output import publish
from analysis.section import Answers
from benchmarks.large_store import fill_large
from pipeline.errors import StageError
from pipeline.settings import ROOT
from store import Store
from tests.analysis.report_driver import MODELS, PRUNED
from tests.analysis.test_report_output import contents

NEW_FILES = {path: path.encode() for path in ("README.md", "images/a.png", "csv_data/a.csv")}
KILLED_PUBLISH = """
import os, signal, sys
from pathlib import Path
from analysis.output import publish
NEW_FILES = {path: path.encode() for path in ("README.md", "images/a.png", "csv_data/a.csv")}
left, replace = int(sys.argv[2]), Path.replace
def replaced(path, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return replace(path, target)
Path.replace = replaced
publish(Path(sys.argv[1]), NEW_FILES, "two")
"""


@dataclass(frozen=True)
class Outcomes:
    """A bar of the cheapest picture."""

    reason: str
    source: str
    n_models: int


@pytest.fixture(scope="module")
def wide() -> Iterator[Store]:
    """A store with rows in every table and many ties among them."""
    with Store.open(None) as store:
        fill_large(store, MODELS, PRUNED)
        yield store


def test_neither_the_order_of_rows_nor_threads_nor_hash_seeds_change_a_byte() -> None:
    command = [sys.executable, "-m", "tests.analysis.report_driver"]
    running = [
        subprocess.Popen(
            [*command, str(number), str(number)], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": str(number)},
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        for number in (1, 2)
    ]  # fmt: skip
    first, second = (json.loads(process.communicate(timeout=300)[0]) for process in running)
    assert len(first) > 30
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []


def test_every_table_has_rows(wide: Store) -> None:
    tables = wide.rows("SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY ALL")
    assert [table for (table,) in tables if not wide.rows(f"SELECT 1 FROM {table} LIMIT 1")] == []


def test_one_changed_number_changes_the_hash(wide: Store) -> None:
    before = input_hash(Answers(wide))
    assert input_hash(Answers(wide)) == before
    with wide.connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE metrics SET value = value * 1.001 WHERE metric = 'perplexity'")
        assert input_hash(Answers(Store(cursor))) != before
        cursor.execute("ROLLBACK")


def test_who_draws_changes_no_byte() -> None:
    pictures = _pictures(2 * PICTURES_A_WORKER, partial(draw_outcomes, title="outcomes"))
    here = dict(render_pictures(pictures, 1))
    assert dict(render_pictures(pictures, 2)) == here
    assert len({*here.values()}) == len(pictures)


def test_a_child_that_cannot_draw_ends_the_report() -> None:
    with pytest.raises(StageError, match=r"picture \d: expected a PNG, got error: ValueError: nothing to draw"):
        dict(render_pictures(_pictures(2 * PICTURES_A_WORKER, _no_figure), 2))


@pytest.mark.parametrize("renames", range(5))
def test_a_publish_that_is_killed_is_mended_by_the_next(renames: int, tmp_path: Path) -> None:
    folder, clean = tmp_path / "killed", tmp_path / "clean"
    publish(folder, {"README.md": b"old", "reports/old.md": b"old"}, "one")
    command = [sys.executable, "-c", KILLED_PUBLISH, str(folder), str(renames)]
    assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == -signal.SIGKILL
    publish(folder, NEW_FILES, "two")
    publish(clean, NEW_FILES, "two")
    assert contents(folder) == contents(clean)


def _pictures(count: int, draw: Any) -> dict[str, Picture]:
    return {
        str(number): Picture(str(number), "alt", "caption", (Outcomes("extracted", "hub", 1 + number),), draw)
        for number in range(count)
    }


def _no_figure(_: object) -> None:
    raise ValueError("nothing to draw")
