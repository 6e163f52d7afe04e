"""Whatever experiments do to their processes, and whenever the driver dies: one status each, nothing finished lost."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.settings import ROOT
from store import Store
from store.records import NameRecord, RepresentativeRecord, SightingRecord

DRIVER = Path(__file__).with_name("plan_driver.py")
HEALTHY = {"dense": ("done", None), "magnitude": ("done", None), "wanda": ("done", None)}
EACH = 3 * (1 + 3 * 15)
POISONED = {
    "swallow-memory": ("failed", "out_of_memory"),
    "never-end": ("failed", "timeout"),
    "kill-itself": ("failed", "crashed"),
    "leave-not-a-number": ("failed", "not_finite"),
    "raise-an-error": ("failed", "error"),
}


def store_with(path: Path, folders: dict[str, Path]) -> Path:
    """Write a store as stages 1 and 2 leave it."""
    run = "20260101T000000.000000-000000"
    with Store.open(path) as store:
        for name, folder in folders.items():
            store.insert(
                [RepresentativeRecord(run, name, name, "directory", "1", 1, "k-medoids", True, 50_000, "test")],
                [NameRecord(run, name, "directory", name, name, None, None, None, None, "name")],
                [SightingRecord(run, name, "directory", "1", has_weights=True, location=str(folder))],
            )
    return path


def drive(*arguments: str | int | Path) -> str:
    command = [sys.executable, str(DRIVER), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def folders(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A sound model, one with a NaN, one without a tokenizer, and one that is half a file."""
    from safetensors.torch import load_file, save_file

    place = tmp_path_factory.mktemp("poisoned")
    for name, family in (("spoiled", "opt"), ("mute", "gpt2"), ("torn", "bloom")):
        shutil.copytree(checkpoints[family], place / name)
    weights = load_file(place / "spoiled" / "model.safetensors")
    weights["model.decoder.layers.1.fc1.weight"][0, 0] = float("nan")
    save_file(weights, place / "spoiled" / "model.safetensors", metadata={"format": "pt"})
    (place / "mute" / "tokenizer.json").unlink()
    torn = place / "torn" / "model.safetensors"
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    return {"sound": checkpoints["llama"], **{name: place / name for name in ("spoiled", "mute", "torn")}}


def test_every_experiment_of_a_poisoned_plan_ends_in_one_status(folders: dict[str, Path], tmp_path: Path) -> None:
    path = store_with(tmp_path / "store.duckdb", folders)
    counts = json.loads(drive("poison", path))
    with Store.open(path) as store:
        rows = store.rows("SELECT model_id, method, status, reason, detail FROM experiments")
        measured = {key for (key,) in store.rows("SELECT DISTINCT experiment_key FROM metrics")}
        done = {key for (key,) in store.rows("SELECT experiment_key FROM experiments WHERE status = 'done'")}
    assert len(rows) == 4 * 8
    ends = {(model, method): (status, reason) for model, method, status, reason, _ in rows}
    assert len(ends) == len(rows)
    assert {method: end for (model, method), end in ends.items() if model == "sound"} == {**HEALTHY, **POISONED}
    no_text = {"wanda": ("refused", "unsupported")}
    assert {method: end for (model, method), end in ends.items() if model == "mute"} == {
        **HEALTHY,
        **POISONED,
        **no_text,
    }
    spoiled = {method: end for (model, method), end in ends.items() if model == "spoiled"}
    assert {spoiled[method] for method in (*HEALTHY, "leave-not-a-number")} == {("failed", "not_finite")}
    assert {method: spoiled[method] for method in POISONED if method != "leave-not-a-number"} == {
        method: end for method, end in POISONED.items() if method != "leave-not-a-number"
    }
    assert {end for (model, _), end in ends.items() if model == "torn"} == {("refused", "unsupported")}
    assert all(detail for *_, status, _, detail in rows if status != "done")
    assert measured == done
    statuses = Counter(status for status, _ in ends.values())
    assert {name: counts[f"experiments {name}"] for name in statuses} == statuses


@pytest.mark.parametrize("number", [6, pytest.param(30, marks=pytest.mark.long)])
def test_killing_the_driver_at_any_moment_loses_nothing_finished(
    checkpoints: dict[str, Path], tmp_path: Path, number: int
) -> None:
    models = {family: checkpoints[family] for family in ("llama", "gpt2", "opt")}
    path = store_with(tmp_path / "fresh.duckdb", models)
    events = [
        json.loads(line) for line in drive("kills", path, tmp_path, number, number).splitlines() if line.startswith("{")
    ]
    assert sum(event["event"] == "killed" for event in events) == number
    for name in {event["store"] for event in events}:
        snapshots = [event for event in events if event["store"] == name]
        for before, after in pairwise(snapshots):
            assert {*map(tuple, before["rows"])} <= {*map(tuple, after["rows"])}
        assert all(event["orphans"] == 0 for event in snapshots)
        final = snapshots[-1]["rows"]
        assert {status for *_, status in final} == {"done"}
        keys = [key for _, key, _ in final]
        assert len({*keys}) == len(keys) == EACH
    grown = [len(event["rows"]) for event in events if event["event"] == "killed"]
    assert any(0 < count < EACH for count in grown)
