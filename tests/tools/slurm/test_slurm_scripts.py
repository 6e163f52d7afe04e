"""SLURM scripts call the commands that people run; an array task gets its part of the plan."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.settings import ROOT
from tools.plan_job import jobs_of, main

SCRIPTS = sorted((ROOT / "scripts/slurm").glob("*.sh"))
KEYS = ("0" * 32, "1" * 32, "2" * 32)
# Says how it is called; tools.plan_job is the real one.
PYTHON = """#!/bin/sh
case "$*" in
  "-m tools.plan_job"*) PYTHONPATH={root} exec {python} "$@" ;;
esac
echo "$* | only=$ARBORIST_ONLY minutes=$ARBORIST_MAX_MINUTES" >> calls.txt
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as the scripts expect it, with a plan of two jobs and an interpreter that records."""
    tmp_path /= "a  folder with spaces"
    tmp_path.mkdir()
    jobs = [{"name": "a", "keys": ",".join(KEYS[:2])}, {"name": "b", "keys": KEYS[2]}]
    (tmp_path / "model_architecture").mkdir()
    (tmp_path / "model_architecture/plan.json").write_text(json.dumps({"include": jobs}))
    (tmp_path / "model_architecture/arborist.duckdb").write_text("store")
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(root=ROOT, python=sys.executable))
    python.chmod(0o755)
    return tmp_path


def call(project: Path, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "SLURM_SUBMIT_DIR": str(project), **variables}
    command = ["bash", str(ROOT / "scripts/slurm" / script), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def calls(project: Path) -> list[str]:
    return (project / "calls.txt").read_text().splitlines()


def test_an_array_over_the_plan(project: Path) -> None:
    for task in ("0", "1"):
        done = call(project, "prune.sh", "--seed", "3", SLURM_ARRAY_TASK_ID=task)
        assert done.returncode == 0, done.stderr
    command = "run_pipeline.py --prune --store model_architecture/parts/{}.duckdb --seed 3"
    assert calls(project) == [
        f"{command.format(0)} | only={KEYS[0]},{KEYS[1]} minutes=340",
        f"{command.format(1)} | only={KEYS[2]} minutes=340",
    ]
    assert (project / "model_architecture/parts/1.duckdb").read_text() == "store"


@pytest.mark.parametrize("task", ["2", "-1", "x", "$(touch canary)", ""])
def test_a_task_that_the_plan_has_not(task: str, project: Path) -> None:
    done = call(project, "prune.sh", SLURM_ARRAY_TASK_ID=task)
    assert done.returncode != 0
    assert re.search("expected|invalid", done.stderr)
    assert not (project / "calls.txt").exists()
    assert not (project / "canary").exists()


def test_a_part_is_not_begun_anew(project: Path) -> None:
    parts = project / "model_architecture/parts"
    parts.mkdir()
    (parts / "0.duckdb").write_text("half done")
    assert call(project, "prune.sh", SLURM_ARRAY_TASK_ID="0", ARBORIST_MAX_MINUTES="5").returncode == 0
    assert (parts / "0.duckdb").read_text() == "half done"
    assert calls(project)[0].endswith("minutes=5")


def test_parts_of_an_earlier_plan_are_merged_before_the_next_plan(project: Path) -> None:
    """They are numbered alike: a task of the new plan would go on in a store that does not know its models."""
    assert call(project, "prune.sh", SLURM_ARRAY_TASK_ID="0").returncode == 0
    done = call(project, "process.sh")
    assert (done.returncode, "first run scripts/slurm/analyze.sh" in done.stderr) == (1, True)
    assert call(project, "analyze.sh").returncode == 0
    assert call(project, "process.sh").returncode == 0


def test_the_other_stages(project: Path) -> None:
    assert call(project, "extract.sh", "--source", "builtin", SLURM_CPUS_PER_TASK="8").returncode == 0
    assert call(project, "process.sh", ARBORIST_PRUNE_JOBS="3").returncode == 0
    assert [line.partition(" |")[0] for line in calls(project)] == [
        "run_pipeline.py --extract --workers 8 --source builtin",
        "run_pipeline.py --process",
        "-m pruning fetch",
        "-m pruning run --plan-json model_architecture/plan.json --shards 3",
    ]


def test_parts_are_merged_before_the_report(project: Path) -> None:
    assert call(project, "analyze.sh").returncode == 0, "no part is no failure"
    assert call(project, "prune.sh", SLURM_ARRAY_TASK_ID="1").returncode == 0
    assert call(project, "analyze.sh", "--notebook").returncode == 0
    assert [line.partition(" |")[0] for line in calls(project)] == [
        "run_pipeline.py --analyze",
        "run_pipeline.py --prune --store model_architecture/parts/1.duckdb",
        "-m store merge model_architecture/parts/1.duckdb",
        "run_pipeline.py --analyze --notebook",
    ]
    assert list((project / "model_architecture/parts").iterdir()) == []


def test_the_plan_is_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = project / "model_architecture/plan.json"
    assert jobs_of(plan) == [f"{KEYS[0]},{KEYS[1]}", KEYS[2]]
    main([str(plan), "--last"])
    assert capsys.readouterr().out == "1\n"


def test_a_plan_of_nothing_says_so(project: Path) -> None:
    plan = project / "model_architecture/plan.json"
    plan.write_text('{"include": []}')
    for asked in (["--last"], ["--job", "0"]):
        with pytest.raises(SystemExit, match="holds no job: nothing is left to prune"):
            main([str(plan), *asked])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_has_limits_and_stops_at_a_failure(script: Path) -> None:
    text = script.read_text()
    assert {"time", "mem", "cpus-per-task", "job-name"} <= set(re.findall(r"^#SBATCH --([\w-]+)=", text, re.MULTILINE))
    assert "set -euo pipefail" in text
    assert script.stem in (ROOT / "docs/OPERATIONS.md").read_text()
    assert script.stat().st_mode & 0o111
    assert "gres" not in text, "the scripts compute on the CPU: a reserved GPU would lie idle"


def test_a_plan_that_is_not_there_is_said(project: Path) -> None:
    failing = '#!/bin/sh\ncase "$*" in *fetch*) exit 1 ;; esac\n'
    (project / ".venv/bin/python").write_text(failing)
    assert call(project, "process.sh").returncode == 1
    plan = project / "model_architecture/plan.json"
    with pytest.raises(SystemExit, match="expected a plan in"):
        main([str(plan), "--last"])
