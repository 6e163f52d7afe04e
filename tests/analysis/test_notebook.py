"""The notebook over the store runs from its first cell to its last and finds the report's numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.comparison import DAMAGE
from analysis.notebook import NOTEBOOK, PARTS, STORE_VARIABLE, notebook_bytes
from store import Store
from tests.analysis.synthetic import REFERENCES, fill_all

SHOWN = """
import json as json_module
frames = {name: len(globals()[name]) for name in NAMES}
pictures = [[axes.get_title(loc="left") for axes in plt.figure(n).axes] for n in plt.get_fignums()]
print(json_module.dumps({"rows": frames, "damage": damage["damage"].tolist(), "pictures": pictures}))
"""


def code_cells() -> list[str]:
    notebook = json.loads(notebook_bytes())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run_cells(folder: Path, store: str | None) -> subprocess.CompletedProcess[str]:
    script = "\n\n".join([*code_cells(), f"NAMES = {[part.name for part in PARTS]!r}", SHOWN])
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", STORE_VARIABLE)}
    environment = kept | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"} | ({STORE_VARIABLE: store} if store else {})
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=60)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as after `make run`: the store where it is by default, and a report with its exports."""
    root = tmp_path_factory.mktemp("checkout")
    (root / "analysis_result" / NOTEBOOK).parent.mkdir(parents=True)
    with Store.open(root / "model_architecture" / "arborist.duckdb") as store:
        fill_all(store)
    return root


def test_every_cell_runs_and_finds_the_numbers_of_the_report(checkout: Path) -> None:
    done = run_cells((checkout / "analysis_result" / NOTEBOOK).parent, None)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    with Store.open(checkout / "model_architecture" / "arborist.duckdb") as store:
        assert shown["damage"] == pytest.approx([row.damage for row in store.fetch(DAMAGE)])
    assert {name for name, count in shown["rows"].items() if count == 0} == set()
    families, damage, proxies = shown["pictures"]
    assert families == [f"The {min(20, shown['rows']['families'])} largest of {shown['rows']['families']} families"]
    assert damage == ["layer", "neuron", "weight"]
    assert proxies == [f"{len(REFERENCES)} models together"]


def test_a_store_elsewhere_is_named_by_the_variable_and_a_missing_one_is_said(checkout: Path, tmp_path: Path) -> None:
    with Store.open(tmp_path / "mine.duckdb"):
        pass
    assert run_cells(tmp_path, str(tmp_path / "mine.duckdb")).returncode == 0, "an empty store has empty tables"
    missing = run_cells(tmp_path, None)
    assert missing.returncode == 1
    assert "set ARBORIST_STORE, or make one with `make run`" in missing.stderr
