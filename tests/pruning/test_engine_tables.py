"""Where experiments run changes no number: the same plan on child processes and on Ray leaves the same tables."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pipeline.progress import PlainProgress
from pipeline.settings import ROOT, load_settings
from pruning import stage
from store import Store
from store.records import NameRecord, RepresentativeRecord, SightingRecord

FLAGS = {
    "methods": "wanda",
    "ratios": "0.5",
    "evaluation_windows": "6",
    "calibration_windows": "4",
    "window_tokens": "64",
    "latency_repeats": "2",
    "max_params": "10M",
    "analyses": str(ROOT / "tests" / "end_to_end" / "small_analyses.toml"),
    "damage_windows": "2",
    "workers": "1",  # each imports torch on Ray
}
MODELS = ("gpt2",)
# What two runs of the same work may write differently: who wrote it and when, and what a clock or a meter says.
NEVER_EQUAL = {"run_id", "seconds", "git_commit", "started_at", "ended_at"}
MEASURED = "metric SIMILAR TO '.*(latency|second|energy|co2|memory).*'"


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    if find_spec("ray") is None:
        pytest.skip("the extra 'ray' is not installed")
    from pipeline.engines.ray import session

    with session(1):
        yield


def done_on(engine: str, folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Run stage 3 on a reference model and return every table that has rows."""
    run = "20260101T000000.000000-000000"
    with Store.open(folder / f"{engine}.duckdb") as store:
        for name in MODELS:
            location = str(ROOT / "reference_models" / name)
            representative = RepresentativeRecord(
                run, name, name, "directory", "1", 1, "k-medoids", True, 10**6, "test"
            )
            named = NameRecord(run, name, "directory", name, name, None, None, None, None, "name")
            sighting = SightingRecord(run, name, "directory", "1", has_weights=True, location=location)
            store.insert([representative], [sighting], [named])
        stage.run(store, load_settings({**FLAGS, "engine": engine}), PlainProgress())
        names = [name for (name,) in store.rows("SELECT table_name FROM duckdb_tables() WHERE table_name <> 'runs'")]
        found = {name: _content(store, name) for name in names}
    return {name: rows for name, rows in found.items() if rows}


def _content(store: Store, table: str) -> list[tuple[Any, ...]]:
    columns = [row[0] for row in store.rows(f"DESCRIBE {table}") if row[0] not in NEVER_EQUAL]
    if table == "metrics":
        exact = store.rows(f"SELECT {', '.join(columns)} FROM metrics WHERE NOT {MEASURED}")
        measured = store.rows(f"SELECT experiment_key, metric, unit, n FROM metrics WHERE {MEASURED}")
        return sorted([*exact, *measured], key=repr)
    return sorted(store.rows(f"SELECT {', '.join(columns)} FROM {table}"), key=repr)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_children_and_ray_leave_identical_tables(tmp_path: Path) -> None:
    local, ray = done_on("local", tmp_path), done_on("ray", tmp_path)
    assert {"experiments", "metrics", "samples"} <= set(local)
    assert len(local["experiments"]) == len(MODELS) * 2
    assert "done" in str(local["experiments"])
    assert ray == local
