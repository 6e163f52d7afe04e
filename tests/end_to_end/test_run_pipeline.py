"""The whole command: exit codes, messages, dry run, resume after kill -9 in each stage."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.settings import ROOT
from store import Store

# One worker runs them all: what they start from is made once.

# Small, but through every stage: two trained models, some bare configs, a short grid.
SMALL = (
    *("--offline", "--methods", "random,depth-last,mlp-maxmin", "--ratios", "0.25"),
    *("--evaluation-windows", "4", "--calibration-windows", "4", "--latency-repeats", "1", "--workers", "2"),
    *("--analyses", str(Path(__file__).parent / "small_analyses.toml"), "--damage-windows", "4"),
)
TRAINED = ("gpt2", "llama")
STAGES = ("--extract", "--process", "--prune", "--analyze")

# What an undisturbed and a disturbed run must share: everything but times, run ids and the machine's speed.
TABLES = {
    "models": "model_id, source, revision, task, has_weights, location, config_hash",
    "current_extractions": "model_id, source, revision, status, reason, reader, structure_id, architecture",
    "structures": "* EXCLUDE (hash_version)",
    "modules": "*",
    "traits": "*",
    "names": "DISTINCT * EXCLUDE (run_id)",
    "similarities": "DISTINCT * EXCLUDE (run_id)",
    "current_families": "* EXCLUDE (run_id)",
    "current_representatives": "* EXCLUDE (run_id)",
    "redundancy": "DISTINCT * EXCLUDE (run_id)",
    "current_experiments": "* EXCLUDE (run_id, seconds, git_commit)",
    "samples": "* EXCLUDE (run_id)",
    "current_analyses": "* EXCLUDE (run_id, components, seconds, git_commit)",
    "current_proxies": "* EXCLUDE (run_id)",
}
STEADY_METRICS = (
    "SELECT * EXCLUDE (run_id) FROM current_metrics "
    "WHERE metric NOT LIKE '%latency%' AND metric <> 'tokens_per_second' ORDER BY ALL"
)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, str(ROOT / "run_pipeline.py"), *map(str, arguments)]


def run(*arguments: str | Path, code: int = 0, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    answer = subprocess.run(
        command(*arguments), capture_output=True, text=True, cwd=ROOT, env={**os.environ, **(env or {})}
    )
    assert answer.returncode == code, answer.stderr
    return answer


def places(folder: Path) -> tuple[str | Path, ...]:
    return ("--store", folder / "store.duckdb", "--output-dir", folder / "report")


def from_directory(folder: Path) -> tuple[str | Path, ...]:
    return ("--source", "directory", "--directory", folder)


def contents(folder: Path, name: str = "store") -> dict[str, list[tuple[object, ...]]]:
    with Store.open(folder / f"{name}.duckdb", create=False) as store:
        tables = {name: store.rows(f"SELECT {columns} FROM {name} ORDER BY ALL") for name, columns in TABLES.items()}
        return {**tables, "metrics": store.rows(STEADY_METRICS)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the project's own models and bare configs of others: enough of them that a kill falls between two."""
    folder = tmp_path_factory.mktemp("models")
    for name in TRAINED:
        shutil.copytree(ROOT / "reference_models" / name, folder / name)
    for layers in range(1, 25):
        config = {"model_type": "gpt2", "n_layer": layers, "n_embd": 64, "n_head": 4, "vocab_size": 100}
        (folder / f"gpt2-{layers}.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "broken.json").write_text("{", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """A folder with a finished store and report, and the store as it was after each stage."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for stage in STAGES:
        run(stage, *from_directory(models), *SMALL, *places(folder))
        shutil.copy(folder / "store.duckdb", folder / f"after{stage}.duckdb")
    return folder


def test_the_pipeline_leaves_experiments_and_a_report(undisturbed: Path) -> None:
    found = contents(undisturbed)
    assert len(found["models"]) == len(TRAINED) + 25
    assert ("broken", "failed", "bad_config") in {(row[0], row[3], row[4]) for row in found["current_extractions"]}
    assert len(found["current_experiments"]) == len(TRAINED) * (1 + 3)
    assert (undisturbed / "report" / "README.md").is_file()
    assert len(list((undisturbed / "report" / "images").glob("*.png"))) >= 6


def test_nothing_is_done_twice(undisturbed: Path, models: Path) -> None:
    before = contents(undisturbed)
    answer = run("--all", *from_directory(models), *SMALL, *places(undisturbed), "--json")
    results = [json.loads(line) for line in answer.stdout.splitlines()]
    stages = {each["stage"]: each for each in results if each["event"] == "result"}
    assert list(stages) == ["extract", "process", "prune", "analyze"]
    assert contents(undisturbed) == before
    with Store.open(undisturbed / "store.duckdb") as store:
        (runs,) = store.rows("SELECT count(DISTINCT run_id) FROM experiments")
        assert runs == (1,)


@pytest.mark.parametrize("stage", STAGES)
def test_killed_in_any_stage_and_resumed_it_ends_the_same(
    stage: str, undisturbed: Path, models: Path, tmp_path: Path
) -> None:
    """Stages before run undisturbed, `stage` is killed at random moments, then it goes to its end."""
    moments, disturbed = random.Random(stage), [stage, *from_directory(models), *SMALL, *places(tmp_path)]
    if stage != STAGES[0]:
        shutil.copy(before(stage, undisturbed), tmp_path / "store.duckdb")
    for _ in range(2):
        _kill_after(moments.uniform(0.5, 4.0), command(*disturbed))
    run(*disturbed)
    expected, found = contents(undisturbed, f"after{stage}"), contents(tmp_path)
    for table, rows in expected.items():
        assert found[table] == rows, table


def before(stage: str, undisturbed: Path) -> Path:
    """Return the store as it was before a stage: after the one before it."""
    return undisturbed / f"after{STAGES[STAGES.index(stage) - 1]}.duckdb"


def _kill_after(seconds: float, arguments: list[str]) -> None:
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=ROOT) as process:
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()


def test_ctrl_c_ends_at_once_says_how_to_go_on_and_keeps_what_is_done(undisturbed: Path, tmp_path: Path) -> None:
    shutil.copy(before("--prune", undisturbed), tmp_path / "store.duckdb")
    arguments = command("--prune", *SMALL, *places(tmp_path))
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "prune: starts\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1.5)  # into the work; the whole group gets the signal, as from a terminal
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.rows("SELECT status FROM runs WHERE stage = 'prune'") == [("interrupted",)]


def test_the_pipeline_runs_from_any_folder(undisturbed: Path, tmp_path: Path) -> None:
    shutil.copy(before("--prune", undisturbed), tmp_path / "store.duckdb")
    arguments = command("--prune", "--dry-run", *SMALL, *places(tmp_path))
    answer = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "8 experiments to run on 2 models" in answer.stdout
    assert "refused" not in answer.stdout


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    answer = run("--all", "--dry-run", "--offline", *places(tmp_path))
    for stage in ("extract", "process", "prune", "analyze"):
        assert f"{stage}:" in answer.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to run"),
        (("--all", "--similarity-threshold", "1.01"), "--similarity-threshold"),
        (("--all", "--methods", "magnitud"), "Did you mean magnitude"),
        (("--all", "--source", "directory"), "--directory"),
        (("--all", "--source", "directory", "--directory", "/nowhere/at/all"), "/nowhere/at/all"),
        (("--all", "--store", "/proc/self/status"), "--store"),
        (("--all", "--output-dir", "/proc/self/status/report"), "--output-dir"),
        (("--all", "--surce", "hub"), "--source"),
    ],
)
def test_bad_usage_is_exit_2_with_a_message(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    store = () if "--store" in arguments else ("--store", tmp_path / "store.duckdb")
    answer = run(*arguments, *store, code=2)
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_stage_that_fails_is_exit_1(tmp_path: Path) -> None:
    answer = run("--process", *places(tmp_path), code=1)
    assert "run_pipeline.py --extract" in answer.stderr
    nobody = {"HF_ENDPOINT": "http://127.0.0.1:9"}  # the discard port: nothing listens
    answer = run("--extract", "--source", "hub", *places(tmp_path), code=1, env=nobody)
    assert "stage extract" in answer.stderr
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.rows("SELECT stage, status FROM runs") == [("extract", "failed")]


@pytest.fixture(scope="module")
def least() -> float:
    """The processor time of importing what draws a page of help and reads the settings."""
    return min(processor_seconds("-c", "import typer.rich_utils, pydantic_settings")[0] for _ in range(3))


@pytest.mark.parametrize("program", ["run_pipeline.py", "model_extract", "data_processing", "pruning", "analysis"])
def test_help_answers_at_once_with_defaults(program: str, least: float) -> None:
    arguments = [program] if program.endswith(".py") else ["-m", program]
    measured = [processor_seconds(*arguments, "--help") for _ in range(3)]
    assert all("Usage" in answer for _, answer in measured)
    # Half a second on a machine as quick as ours; on others, not much more than the two libraries themselves.
    assert min(seconds for seconds, _ in measured) < max(0.5, 1.5 * least)


def processor_seconds(*arguments: str) -> tuple[float, str]:
    """Run Python and return its processor time, to which processes beside it add little, and what it printed."""
    before = os.times()
    answer = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=True)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return spent, answer.stdout


def test_no_colour_and_no_bar_outside_a_terminal() -> None:
    answer = run("--help", env={"NO_COLOR": "1"})
    assert "\x1b" not in answer.stdout + answer.stderr
