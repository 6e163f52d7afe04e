"""What cannot be done: a clear error, status 2, nothing written, and the model in memory as it was."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from pipeline.errors import UsageError
from pipeline.settings import ROOT
from pruning import prune
from pruning.__main__ import app
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.methods import METHODS
from pruning.streaming.choose import needs_whole_model

QUICK = ("--evaluation-windows", "2", "--calibration-windows", "2", "--latency-repeats", "1")
# The commands with a limit on the size of a file: what a full disk answers, at the same places.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from typer.testing import CliRunner
from pruning.__main__ import app
import json
for line in sys.stdin:
    answer = CliRunner().invoke(app, json.loads(line))
    print(json.dumps([answer.exit_code, answer.stderr]))
"""


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.5, 1.5, math.nan, math.inf, -math.inf])
def test_ratios_that_are_none(dense_models: dict[str, Any], ratio: float) -> None:
    model = dense_models["llama"]
    before = {name: each.clone() for name, each in model.state_dict().items()}
    for method in METHODS:
        with pytest.raises(UsageError, match=r"--ratio: expected a fraction in \(0, 1\)"):
            prune(model, method.name, ratio, calibration=[[1, 2, 3]])
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def test_a_model_without_layers(build_model: Any, tmp_path: Path) -> None:
    model = build_model("llama", num_hidden_layers=0)
    with pytest.raises(UnsupportedModelError, match="layers"):
        prune(model, "magnitude", 0.5)
    model.save_pretrained(tmp_path / "base")
    for arguments in (
        ("inspect", tmp_path / "base"),
        ("evaluate", tmp_path / "base", *QUICK[:2], *QUICK[4:]),
        ("prune", tmp_path / "base", "--method", "random", "--ratio", "0.5", "--output", tmp_path / "out", *QUICK),
    ):
        answer = call(*arguments)
        assert answer.exit_code == 2, arguments
        assert "layers" in answer.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize(("stream", "bad"), [("never", math.nan), ("always", math.inf)])
def test_weights_that_are_not_finite(checkpoints: dict[str, Path], tmp_path: Path, bad: float, stream: str) -> None:
    base = tmp_path / "base"
    shutil.copytree(checkpoints["llama"], base)
    weights = load_file(base / "model.safetensors")
    for name, tensor in weights.items():
        if "proj" in name:
            tensor[0, 0] = bad
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    dense = [method for method in METHODS if method.scope != "expert"]
    methods = [method for method in dense if stream == "never" or not needs_whole_model(method)]
    for method in methods:
        ratio = str(method.fixed_ratio or 0.5)
        output = ("--output", tmp_path / "out", "--stream", stream)
        answer = call("prune", base, "--method", method.name, "--ratio", ratio, *output, *QUICK)
        assert answer.exit_code == 2, (method.name, answer.output)
        assert "NaN" in answer.stderr or "finite" in answer.stderr, (method.name, answer.stderr)
    assert [each.name for each in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize("stream", ["never", "always"])
def test_a_weight_outside_of_the_layers_that_is_not_finite(
    checkpoints: dict[str, Path], tmp_path: Path, stream: str
) -> None:
    base = tmp_path / "base"
    shutil.copytree(checkpoints["llama"], base)
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"][0] = math.inf
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    output = ("--output", tmp_path / "out", "--stream", stream)
    answer = call("prune", base, "--method", "random", "--ratio", "0.5", *output, *QUICK)
    assert answer.exit_code == 2, answer.output
    assert "model.norm.weight" in answer.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize("stream", ["never", "always"])
def test_a_ratio_that_removes_nothing(checkpoints: dict[str, Path], tmp_path: Path, stream: str) -> None:
    output = ("--output", tmp_path / "out", "--stream", stream)
    for name in ("random", "magnitude-global", "wanda", "sparsegpt", *(["depth-last"] if stream == "never" else [])):
        answer = call("prune", checkpoints["opt"], "--method", name, "--ratio", "1e-9", *output, *QUICK)
        assert answer.exit_code == 2, (name, answer.output)
        assert "ratio 1e-09 of" in answer.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["text", "event"])
def test_a_folder_named_like_a_field_of_the_answer(checkpoints: dict[str, Path], tmp_path: Path, name: str) -> None:
    shutil.copytree(checkpoints["opt"], tmp_path / name)
    for more in ((), ("--json",)):
        answer = call("evaluate", tmp_path / name, *QUICK[:2], *QUICK[4:], *more)
        assert answer.exit_code == 0, answer.output
    said = json.loads(answer.stdout.splitlines()[-1])
    assert said["event"] == "result"
    assert "perplexity" in said["models"][name]


def test_a_full_disk(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    base, place, scratch = checkpoints["llama"], tmp_path / "place", tmp_path / "scratch"
    place.mkdir()
    scratch.mkdir()
    done = call("prune", base, "--method", "random", "--ratio", "0.5", "--output", place / "old", *QUICK)
    assert done.exit_code == 0
    before = {each.name: each.read_bytes() for each in (place / "old").iterdir()}
    common = ["prune", str(base), "--ratio", "0.5", "--stream"]
    orders = [
        [*common, stream, "--method", method, "--output", str(place / name), "--overwrite", *QUICK]
        for stream, method, name in (("always", "wanda", "old"), ("always", "wanda", "new"), ("never", "random", "old"))
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)}
    answer = subprocess.run(
        [sys.executable, "-c", LIMITED, "12000"],
        input="\n".join(map(json.dumps, orders)),
        env=environment,
        capture_output=True,
        text=True,
    )
    said = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(said) == len(orders), answer.stderr
    for status, words in said:
        assert status == 2, words
        assert "File too large" in words
        assert "nothing was left there" in words or "measuring bytes needs room" in words
    assert {each.name: each.read_bytes() for each in (place / "old").iterdir()} == before
    assert [each.name for each in place.iterdir()] == ["old"]
    assert list(scratch.iterdir()) == []


def test_saving_to_a_full_disk_after_everything_was_measured(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds for the checkpoint alone, as where it goes to a disk of its own."""
    import resource

    from pruning import checkpoint

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    write = checkpoint.write_weights

    def limited(model: Any, folder: Path, dtype: torch.dtype) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000 if folder.name == "checkpoint" else limits[0], limits[1]))
        try:
            write(model, folder, dtype)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    monkeypatch.setattr(checkpoint, "write_weights", limited)
    output = tmp_path / "out"
    answer = call("prune", checkpoints["opt"], "--method", "random", "--ratio", "0.5", "--output", output, *QUICK)
    assert answer.exit_code == 2
    assert "nothing was left there" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_becomes_infinite_in_the_stored_dtype_is_not_saved(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    from pruning.checkpoint import save_checkpoint
    from pruning.models import load_model

    model = load_model(checkpoints["opt"])
    with torch.no_grad():
        model.lm_head.weight[0, 0] = 70_000  # the largest number of fp16 is 65,504
    with pytest.raises(NotFiniteError, match="in float16 is NaN or infinite"):
        save_checkpoint(model, checkpoints["opt"], tmp_path / "out", dtype=torch.float16, card="")
    assert list(tmp_path.iterdir()) == []
