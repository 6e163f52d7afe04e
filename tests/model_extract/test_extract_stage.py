"""The stage as a whole, on folders, through real child processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model_extract import catalog, stage
from model_extract.auto_classes import registered_types
from model_extract.extraction import _refusal
from model_extract.listing import Context
from pipeline.engines import Outcome
from pipeline.errors import UsageError
from pipeline.progress import PlainProgress
from pipeline.settings import ROOT, load_settings
from store import Store
from store.records import ModuleRecord
from tests.model_extract.stage_runs import reasons, run_stage, settings_for, small_llamas, tables, write_configs
from tests.model_extract.structure_oracles import added_up


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_configs(folder, {model_type: {"model_type": model_type} for model_type in registered_types()[::14]})
    return folder


def test_every_model_has_one_outcome_and_the_tables_do_not_depend_on_workers(sample: Path) -> None:
    found = []
    for workers in (1, 2):
        with Store.open(None) as store:
            report = run_stage(store, settings_for(sample, workers=workers))
            found.append(tables(store))
            assert report.counts["listed"] == len(registered_types()[::14]) == len(reasons(store))
            assert report.counts["extracted"] >= 35
            for structure, n_parameters in store.rows("SELECT structure_id, n_parameters FROM extracted_structures"):
                rows = store.rows(
                    "SELECT * FROM extracted_modules WHERE structure_id = $id ORDER BY position", {"id": structure}
                )
                assert added_up([ModuleRecord(*row) for row in rows]) == n_parameters
    assert found[0] == found[1]


def test_bad_models_are_rows_and_the_others_go_on(tmp_path: Path) -> None:
    write_configs(
        tmp_path,
        {
            "deep": {"model_type": "llama", "num_hidden_layers": 10**9},
            "surrogate": {"model_type": "ll\ud800ama"},
            "surrogate-value": {"model_type": "llama", "hidden_size": "\ud800"},
            "wide": {"model_type": "llama", "hidden_size": 10**9, "intermediate_size": 10**9, "num_hidden_layers": 8},
            "foreign": {"model_type": "own", "auto_map": {"AutoModel": "modeling.Own"}},
            "known-with-code": {"model_type": "gpt2", "n_layer": 1, "auto_map": {"AutoModel": "modeling.Own"}},
            "strange": {"model_type": "own"},
            "whole": {"model_type": "gpt2", "n_layer": 1},
        },
    )
    (tmp_path / "broken.json").write_text("{")
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path))
        assert reasons(store) == {
            "broken": "bad_config",
            "deep": "config_too_big",
            "foreign": "remote_code",
            "known-with-code": None,
            "strange": "unknown_type",
            "surrogate": "bad_config",
            "surrogate-value": "bad_config",
            "whole": None,
            "wide": "config_too_big",
        }
        details = dict(store.rows("SELECT model_id, detail FROM extractions"))
        assert details["known-with-code"] == "the repository's own code was not run"


def test_a_second_run_does_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_configs(tmp_path, {**small_llamas(3), "strange": {"model_type": "own"}})
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path))
        before = tables(store)
        monkeypatch.setattr(stage, "extract", _must_not_run)
        report = run_stage(store, settings_for(tmp_path))
        assert (report.counts["listed"], report.counts["unchanged"]) == (4, 4)
        assert tables(store) == before
        assert store.rows("SELECT count(*) FROM extractions") == [(4,)]


def _must_not_run(*_: object) -> None:
    raise AssertionError("extract was called for models that are known")


def test_equal_configs_are_built_once_within_a_run_and_across_runs(tmp_path: Path) -> None:
    config = small_llamas(1)["llama-000"]
    write_configs(tmp_path, {"a": config, "b": {**config, "transformers_version": "4.0"}})
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path))
        write_configs(tmp_path, {"c": {**config, "_name_or_path": "x"}})
        run_stage(store, settings_for(tmp_path))
        rows = store.rows("SELECT model_id, seconds > 0, structure_id FROM extractions ORDER BY model_id")
        assert [name for name, _, _ in rows] == ["a", "b", "c"]
        assert sorted(built for _, built, _ in rows[:2]) == [False, True] and not rows[2][1]
        assert len({structure for _, _, structure in rows}) == 1


def test_a_note_belongs_to_the_config_and_not_to_the_model_that_was_built(tmp_path: Path) -> None:
    config = small_llamas(1)["llama-000"]
    write_configs(tmp_path, {"with-code": {**config, "auto_map": {"AutoModel": "modeling.Own"}}})
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path))
        write_configs(tmp_path, {"without": config})
        run_stage(store, settings_for(tmp_path))
        rows = store.rows("SELECT model_id, detail FROM extractions ORDER BY model_id")
        assert rows == [("with-code", "the repository's own code was not run"), ("without", None)]
        assert store.rows("SELECT count(*) FROM extracted_structures") == [(1,)]


def test_a_changed_file_is_a_new_revision(tmp_path: Path) -> None:
    write_configs(tmp_path, small_llamas(1))
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path))
        write_configs(tmp_path, {"llama-000": {"model_type": "gpt2", "n_layer": 1}})
        run_stage(store, settings_for(tmp_path))
        assert store.rows("SELECT count(*), count(DISTINCT revision) FROM extractions") == [(2, 2)]


@pytest.mark.parametrize(
    ("limits", "reason"), [({"model_memory": "1M"}, "out_of_memory"), ({"model_seconds": "0.001"}, "timeout")]
)
def test_what_a_limit_stopped_is_tried_again(tmp_path: Path, limits: dict[str, str], reason: str) -> None:
    write_configs(tmp_path, {"wide": {"model_type": "mixtral", "num_hidden_layers": 200}})
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path, **limits))
        assert reasons(store) == {"wide": reason}
        run_stage(store, settings_for(tmp_path))
        assert reasons(store) == {"wide": None}


def test_a_killed_run_is_completed_by_the_same_command(tmp_path: Path) -> None:
    write_configs(tmp_path / "models", {**small_llamas(110), "strange": {"model_type": "own"}})
    command = [
        sys.executable,
        "-m",
        "tests.model_extract.killed_run",
        str(tmp_path / "store"),
        str(tmp_path / "models"),
    ]
    killed = subprocess.run([*command, "80"], cwd=ROOT, env=os.environ, capture_output=True, timeout=100)
    assert killed.returncode == -9, killed.stderr.decode()
    with Store.open(tmp_path / "store") as store, Store.open(None) as undisturbed:
        kept = store.rows("SELECT count(*) FROM extractions")[0][0]
        assert 0 < kept < 111
        assert store.rows("SELECT status FROM runs") == [("interrupted",)]
        run_stage(store, settings_for(tmp_path / "models"))
        run_stage(undisturbed, settings_for(tmp_path / "models"))
        assert tables(store) == tables(undisturbed)
        assert store.rows("SELECT count(*) FROM extractions") == [(111,)]


def test_usage_errors_come_before_anything_starts(tmp_path: Path) -> None:
    with Store.open(None) as store:
        with pytest.raises(UsageError, match="expected --directory FOLDER"):
            run_stage(store, load_settings({"source": "directory"}))
        with pytest.raises(UsageError, match="nothing there"):
            run_stage(store, settings_for(tmp_path / "none"))
        with pytest.raises(UsageError, match="--offline"):
            run_stage(store, load_settings({"source": "hub", "offline": True}))
        assert store.rows("SELECT count(*) FROM runs") == [(0,)]


def test_auto_without_a_hub_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(catalog, "why_unreachable", lambda _: "no answer")
    context = Context(load_settings({"source": "auto"}))
    assert catalog.choose_sources(context, PlainProgress()) == ("builtin", "reference")
    assert capsys.readouterr().err == "source: builtin and reference, because the Hub is not asked (no answer)\n"


def test_the_plan_counts_what_is_new(tmp_path: Path) -> None:
    write_configs(tmp_path, small_llamas(2))
    with Store.open(None) as store:
        assert "build 2 of them" in stage.plan(store, settings_for(tmp_path)).steps[1]
        run_stage(store, settings_for(tmp_path))
        plan = stage.plan(store, settings_for(tmp_path))
        assert ("build 0 of them" in plan.steps[1], plan.seconds, plan.download_bytes) == (True, 0.0, 0)
        assert stage.plan(store, load_settings({"source": "hub"})).download_bytes > 0


def test_a_folder_without_models_is_said_in_the_report(tmp_path: Path) -> None:
    with Store.open(None) as store:
        assert any("lists nothing" in note for note in run_stage(store, settings_for(tmp_path)).notes)
        write_configs(tmp_path, small_llamas(1))
        assert not any("lists nothing" in note for note in run_stage(store, settings_for(tmp_path)).notes)


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ("the child was killed by SIGKILL", "out_of_memory"),
        ("the child was killed by SIGABRT", "out_of_memory"),
        ("the child was killed by SIGSEGV", "out_of_memory"),
        ("the child was killed by SIGFPE", "bad_config"),
        ("the child ended with status 3", "bad_config"),
    ],
)
def test_only_the_deaths_of_full_memory_are_tried_again(detail: str, reason: str) -> None:
    assert _refusal(Outcome("a", "crashed", None, detail, 1.0)).reason == reason


@pytest.mark.long
def test_the_whole_catalogue() -> None:
    """`tools.check_run` asks the same of the run that CI makes after the tests."""
    with Store.open(None) as store:
        report = run_stage(store, load_settings({"source": "builtin"}))
        builtin = store.rows("SELECT count(*), count(DISTINCT model_id) FROM extractions WHERE source = 'builtin'")
        assert builtin == [(len(registered_types()),) * 2]
        assert report.counts["extracted"] >= 620
        assert report.counts["component"] == 156
        assert report.counts["missing_dependency"] <= 21
