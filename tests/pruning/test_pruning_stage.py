"""The stage on a store: every experiment ends as one row, nothing is done twice, SIGKILL loses nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.progress import PlainProgress
from pipeline.settings import ROOT, load_settings
from pruning import stage
from pruning.experiments.plan import make_plan
from pruning.sanity.dense import OPEN
from store import Store
from store.records import NameRecord, RepresentativeRecord, SightingRecord

sys.path.insert(0, str(Path(__file__).parent))
from stage_driver import FLAGS

DRIVER = Path(__file__).with_name("stage_driver.py")
POINTS = ("result:4", "insert:6", "insert:39")
PARAMETERS = {"colossus": 10**12}
# What may differ between two runs of the same work.
TABLES = {
    "experiments": "SELECT * EXCLUDE (run_id, seconds, git_commit) FROM current_experiments",
    "metrics": "SELECT * EXCLUDE (run_id) FROM current_metrics WHERE metric NOT LIKE '%latency%' "
    "AND metric <> 'tokens_per_second'",
    "timed": "SELECT experiment_key, metric, unit, n FROM current_metrics WHERE metric LIKE '%latency%' "
    "OR metric = 'tokens_per_second'",
    "analyses": "SELECT * EXCLUDE (run_id, seconds, components, git_commit) FROM current_analyses",
    "samples": "SELECT * EXCLUDE (run_id) FROM samples",
    "losses": "SELECT * EXCLUDE (run_id) FROM window_losses",
    "checks": "SELECT * EXCLUDE (run_id) FROM current_checks",
    "redundancy": "SELECT * EXCLUDE (run_id) FROM redundancy",
}


@pytest.fixture(scope="module")
def model_folders(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two sound models, one with a NaN, one without a tokenizer."""
    from safetensors.torch import load_file, save_file

    place = tmp_path_factory.mktemp("stage")
    for name, family in (("poisoned", "opt"), ("mute", "gpt2")):
        shutil.copytree(checkpoints[family], place / name)
    (place / "mute" / "tokenizer.json").unlink()
    weights = load_file(place / "poisoned" / "model.safetensors")
    weights["model.decoder.layers.1.fc1.weight"][0, 0] = float("nan")
    save_file(weights, place / "poisoned" / "model.safetensors", metadata={"format": "pt"})
    sound = {name: checkpoints[name] for name in ("llama", "bloom")}
    return {**sound, "poisoned": place / "poisoned", "mute": place / "mute", "colossus": place / "colossus"}


@pytest.fixture(scope="module")
def fresh_store(model_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as stages 1 and 2 leave it."""
    path = tmp_path_factory.mktemp("store") / "fresh.duckdb"
    run = "20260101T000000.000000-000000"
    with Store.open(path) as store:
        for name, folder in model_folders.items():
            size = PARAMETERS.get(name, 50_000)
            representative = RepresentativeRecord(run, name, name, "directory", "1", 1, "k-medoids", True, size, "test")
            named = NameRecord(run, name, "directory", name, name, None, None, None, None, "name")
            sighting = SightingRecord(run, name, "directory", "1", has_weights=True, location=str(folder))
            store.insert([representative], [sighting], [named])
    return path


def finish(path: Path) -> dict[str, int]:
    """Run the stage to its end here, with children of the server that all tests share, and return its counts."""
    with Store.open(path) as store:
        return stage.run(store, load_settings(FLAGS), PlainProgress()).counts


@pytest.fixture(scope="module")
def killed(fresh_store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What is left of the store by the point at which the stage's process died."""
    places = {point: tmp_path_factory.mktemp("killed") / "store.duckdb" for point in POINTS}
    for path in places.values():
        shutil.copyfile(fresh_store, path)
    arguments = [word for point, path in places.items() for word in (str(path), point)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, str(DRIVER), *arguments], env=environment, capture_output=True, text=True)
    assert json.loads(answer.stdout) == [-signal.SIGKILL] * len(POINTS), answer.stderr
    return places


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with Store.open(path) as store:
        return {name: sorted(store.rows(query), key=repr) for name, query in TABLES.items()}


@pytest.fixture(scope="module")
def undisturbed(fresh_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("undisturbed") / "store.duckdb"
    shutil.copyfile(fresh_store, path)
    finish(path)
    return path


def test_every_planned_experiment_ends_in_one_row_with_a_reason(undisturbed: Path) -> None:
    with Store.open(undisturbed) as store:
        found = store.rows(
            "SELECT model_id, status, reason, count(*) FROM experiments GROUP BY ALL ORDER BY model_id, status"
        )
        ends = {(model, status, reason): count for model, status, reason, count in found}
        # 1 dense and 4 methods x 2 ratios; a tenth of 4 layers is no layer.
        sound = {("done", None): 7, ("refused", "ratio_too_small"): 2}
        assert ends == {
            **{(model, *end): count for model in ("llama", "bloom") for end, count in sound.items()},
            ("mute", "done", None): 6,  # on noise; depth-angular has no text to look at
            ("mute", "refused", "unsupported"): 2,
            ("mute", "refused", "ratio_too_small"): 1,
            ("poisoned", "failed", "not_finite"): 7,
            ("poisoned", "refused", "ratio_too_small"): 2,
        }
        metrics = store.rows("SELECT experiment_key, count(*) FROM metrics GROUP BY ALL")
        # A dense model is not compared with itself; without a text nothing is scored or written.
        assert sorted({count for _, count in metrics}) == [9, 13, 22, 27]
        assert len(metrics) == 20
        assert store.rows("SELECT count(*) FROM samples") == [(28,)]
        # 4 + 3 + 2 blocks of 1, 2 and 3 layers
        assert store.rows("SELECT model_id, count(*) FROM redundancy GROUP BY ALL ORDER BY ALL") == [
            ("bloom", 9),
            ("llama", 9),
        ]


def test_the_same_again_runs_nothing(undisturbed: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    shutil.copyfile(undisturbed, path)
    before = tables(path)
    counts = finish(path)
    assert (counts["experiments done"], counts["experiments from earlier runs"]) == (0, 36)
    assert (counts["analyses done"], counts["analyses from earlier runs"]) == (0, 4)
    assert tables(path) == before


@pytest.mark.parametrize("point", POINTS)
def test_sigkill_and_again_gives_the_undisturbed_tables(killed: dict[str, Path], undisturbed: Path, point: str) -> None:
    path = killed[point]
    kept = len(tables(path)["experiments"])
    kind, _, number = point.partition(":")
    assert kept == min(36, int(number) - (kind == "insert"))  # whole transactions only; then come the analyses
    assert finish(path)["experiments from earlier runs"] == kept
    assert tables(path) == tables(undisturbed)


def test_what_failed_is_tried_again_only_when_asked(undisturbed: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    shutil.copyfile(undisturbed, path)
    with Store.open(path) as store:
        keys = [key for (key,) in store.rows("SELECT experiment_key FROM experiments ORDER BY 1 LIMIT 4")]
        reasons = ("timeout", "crashed", "out_of_memory", "error")
        for key, reason in zip(keys, reasons, strict=True):
            store.connection.execute(
                "UPDATE experiments SET status = 'failed', reason = $reason WHERE experiment_key = $key",
                {"reason": reason, "key": key},
            )
        poisoned = store.rows("SELECT experiment_key FROM experiments WHERE reason = 'not_finite'")
        failed = {*keys, *(key for (key,) in poisoned)}
        plan = make_plan(store, load_settings(FLAGS))
        assert (plan.todo, plan.failed, plan.finished) == ((), len(failed), 36)
        assert any(
            f"{len(failed)} experiments failed before" in step for step in stage.plan(store, load_settings(FLAGS)).steps
        )
        again = make_plan(store, load_settings({**FLAGS, "retry_failed": "true"}))
    assert {experiment.specification.key for experiment in again.todo} == failed
    assert (again.failed, again.finished) == (0, 36 - len(failed))
    assert again.too_large == ("colossus",)


def test_a_key_depends_on_what_the_numbers_depend_on(fresh_store: Path) -> None:
    def keys(store: Store, **changes: str) -> dict[tuple[str, str, float, int], str]:
        plan = make_plan(store, load_settings({**FLAGS, **changes}))
        found = [experiment.specification for experiment in plan.todo]
        return {(each.model_id, each.method, each.ratio, each.seed): each.key for each in found}

    with Store.open(fresh_store) as store:
        first = keys(store)
        assert len(set(first.values())) == len(first) == 36
        assert keys(store, workers="7", experiment_seconds="9", output_dir="elsewhere") == first
        assert not set(keys(store, latency_repeats="3").values()) & set(first.values())
        longer = keys(store, evaluation_windows="7")
        assert longer["llama", "magnitude", 0.5, 0] != first["llama", "magnitude", 0.5, 0]
        recalibrated = keys(store, calibration_windows="5")
        changed = {name for name in first if recalibrated[name] != first[name]}
        assert {method for _, method, _, _ in changed} == {"depth-angular"}
        more_seeds = keys(store, seeds="3", seed="4")
        drawn = ("random", "depth-angular")
        assert {seed for _, method, _, seed in more_seeds if method in drawn} == {4, 5, 6}
        assert {seed for _, method, _, seed in more_seeds if method not in drawn} == {0}
        plan = make_plan(store, load_settings({**FLAGS, "seeds": "3"}))
        texts = {each.specification.calibration for each in plan.todo if each.specification.method == "depth-angular"}
        assert len(texts - {"none"}) == 3


def test_the_plan_and_settings_that_cannot_be_used(fresh_store: Path) -> None:
    with Store.open(fresh_store) as store:
        plan = stage.plan(store, load_settings(FLAGS))
    assert plan.steps[0] == "34 experiments to run on 4 models, 0 ended before, about 34 s of work"
    assert len(plan.items) == 34
    assert sum(float(item["seconds"]) for item in plan.items) == 34
    assert plan.steps[1] == "3 analyses to run on 4 models, 0 ended before"
    assert any("1 representative with more than 1,000,000 parameters" in step for step in plan.steps)
    assert any("2 experiments refused" in step for step in plan.steps)
    for flag, value, words in (
        ("methods", "magnitud", "Did you mean magnitude"),
        ("analyses", "standart", "Did you mean standard"),
        ("window_tokens", "8", "--window-tokens: expected at least 16"),
    ):
        with pytest.raises(UsageError, match=words):
            stage.check(load_settings({**FLAGS, flag: value}))


def test_a_representative_without_a_permitted_licence_is_not_pruned(fresh_store: Path, tmp_path: Path) -> None:
    path = tmp_path / "licences.duckdb"
    path.write_bytes(fresh_store.read_bytes())
    with Store.open(path) as store:
        assert make_plan(store, load_settings(FLAGS)).models > 0
        assert make_plan(store, load_settings({**FLAGS, "licenses": "mit"})).models == 0
        store.insert([SightingRecord("29990101T000000.000000-000000", "llama", "directory", "1", license="MIT")])
        assert make_plan(store, load_settings({**FLAGS, "licenses": "mit"})).models == 1


def test_losses_by_window_and_checks_are_written_with_every_experiment(undisturbed: Path) -> None:
    with Store.open(undisturbed) as store:
        again = store.rows(
            "SELECT exp(sum(nats) / sum(tokens)) / any_value(value) FROM current_window_losses "
            "JOIN current_metrics USING (experiment_key) WHERE metric = 'perplexity' GROUP BY experiment_key"
        )
        assert len(again) == 14
        assert all(ratio == pytest.approx(1, rel=1e-9) for (ratio,) in again)
        checks = store.rows("SELECT check_name, outcome, count(*) FROM checks GROUP BY ALL ORDER BY ALL")
        found = {(name, outcome): number for name, outcome, number in checks}
        assert found[("counts", "ok")] == 14 + 6  # and of the model that is measured on noise
        assert found[("sparsity", "ok")] == 12 + 5
        assert found[("dense_again", "ok")] == 2
        assert {outcome for _, outcome in found} == {"ok"}
        shares = store.rows(
            "SELECT min(removed_share), max(removed_share), count(DISTINCT removed_as) FROM experiments "
            "WHERE status = 'done' AND method <> 'dense'"
        )
        assert 0 < shares[0][0] <= shares[0][1] < 1 and shares[0][2] >= 1


def test_the_query_of_open_checks_gives_its_row() -> None:
    with Store.open(None) as store:
        described = store.rows(f"DESCRIBE {OPEN.sql()}")
    assert [row[0] for row in described] == [field.name for field in fields(OPEN.row)]
