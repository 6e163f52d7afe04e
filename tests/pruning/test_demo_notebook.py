"""docs/demo.ipynb runs from its first cell to its last, and stores no outputs."""

import json
import os
import subprocess
import sys
from typing import Any

from pipeline.settings import ROOT

NOTEBOOK = ROOT / "docs" / "demo.ipynb"
# The last expression of a cell is shown in a notebook; here the table's is asked for at the end.
CHECK = """
assert table["status"].tolist() == ["done"] * 11 + ["refused"] * 2, table["status"].tolist()
assert len(axes.lines) == 5
assert "KL from dense, nats per token" == axes.get_ylabel()
"""


def cells(kind: str) -> list[Any]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_every_cell_runs() -> None:
    script = "\n\n".join("".join(cell["source"]) for cell in cells("code")) + CHECK
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = kept | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=NOTEBOOK.parent, timeout=200)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("LlamaForCausalLM 8 layers")
    assert lines[1].startswith("magnitude removed")
    assert lines[2].startswith("depth-angular removed 2 of 8 layers")


def test_it_stores_no_outputs() -> None:
    for cell in cells("code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
