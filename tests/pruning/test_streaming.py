"""From disk to disk: the same weights as in memory, little memory, whole or nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.errors import UsageError
from pipeline.settings import ROOT
from pruning import prune
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.models import load_model, stored_dtype
from pruning.streaming import Streaming, prune_checkpoint

FP32 = Streaming(dtype=torch.float32, state_bytes=10_000)
# Prints the bytes by which the peak memory grew while a model was pruned, after the same on a model of one layer.
GROWTH = """
import resource, sys, torch
from pathlib import Path
from benchmarks.bench_streaming import write_model
from pruning.streaming import prune_checkpoint
torch.set_num_threads(1)
place = Path(sys.argv[1])
windows = [[1, 2, 3, 4, 5, 6, 7, 8]] * 4
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def pruned(layers):
    base = place / str(layers)
    size = write_model(base, layers, hidden=512, vocabulary=128)
    before = peak()
    prune_checkpoint(base, place / f"{layers}-pruned", "wanda", 0.5, calibration=windows)
    return size, peak() - before
pruned(1)
print(*pruned(24))
"""


@pytest.mark.parametrize("method", ["wanda", "magnitude-global", "random-2:4", "magnitude"])
def test_the_same_weights_as_in_memory(
    checkpoints: dict[str, Path], family: str, windows: Any, method: str, tmp_path: Path
) -> None:
    model = load_model(checkpoints[family])
    expected = prune(model, method, 0.5, calibration=windows, seed=2)
    found = prune_checkpoint(
        checkpoints[family], tmp_path / "pruned", method, 0.5, calibration=windows, seed=2, streaming=FP32
    )
    assert found == expected
    again = load_model(tmp_path / "pruned")
    assert model.state_dict().keys() == again.state_dict().keys()
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name
    assert stored_dtype(tmp_path / "pruned") == torch.float16
    assert (tmp_path / "pruned" / "tokenizer.json").is_file()
    assert "Nothing was measured" in (tmp_path / "pruned" / "README.md").read_text()


def test_sparsegpt_is_rounded_to_the_stored_dtype(checkpoints: dict[str, Path], windows: Any, tmp_path: Path) -> None:
    model = load_model(checkpoints["llama"])
    prune(model, "sparsegpt", 0.5, calibration=windows)
    prune_checkpoint(checkpoints["llama"], tmp_path / "pruned", "sparsegpt", 0.5, calibration=windows, streaming=FP32)
    for name, tensor in load_model(tmp_path / "pruned").state_dict().items():
        torch.testing.assert_close(tensor, model.state_dict()[name].half().float())


def test_a_pruned_checkpoint_is_sharded_and_can_be_pruned_again(
    checkpoints: dict[str, Path], windows: Any, tmp_path: Path
) -> None:
    prune_checkpoint(checkpoints["gpt2"], tmp_path / "once", "wanda", 0.3, calibration=windows)
    index = json.loads((tmp_path / "once" / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) == 5
    twice = prune_checkpoint(tmp_path / "once", tmp_path / "twice", "wanda", 0.6, calibration=windows)
    assert twice.achieved_ratio == pytest.approx(0.6, abs=0.02)
    load_model(tmp_path / "twice")


def test_a_checkpoint_without_the_name_of_its_part(checkpoints: dict[str, Path], windows: Any, tmp_path: Path) -> None:
    """GPT-2's first checkpoints name their layers h.0, not transformer.h.0."""
    base = tmp_path / "base"
    shutil.copytree(checkpoints["gpt2"], base)
    weights = load_file(base / "model.safetensors")
    renamed = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
    save_file(renamed, base / "model.safetensors", metadata={"format": "pt"})
    prune_checkpoint(base, tmp_path / "pruned", "wanda", 0.5, calibration=windows, streaming=FP32)
    model = load_model(checkpoints["gpt2"])
    prune(model, "wanda", 0.5, calibration=windows)
    for name, tensor in load_model(tmp_path / "pruned").state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name


def test_memory_holds_a_few_layers_whatever_the_model(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", GROWTH, str(tmp_path)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    size, growth = map(int, answer.stdout.split())
    assert size > 120_000_000
    assert growth < 0.3 * size


def test_what_cannot_be_done_leaves_nothing_there(checkpoints: dict[str, Path], windows: Any, tmp_path: Path) -> None:
    base, output = tmp_path / "base", tmp_path / "out" / "pruned"
    shutil.copytree(checkpoints["llama"], base)
    weights = load_file(base / "model.safetensors")

    def attempt(method: str = "wanda", ratio: float = 0.5) -> None:
        prune_checkpoint(base, output, method, ratio, calibration=windows)

    with pytest.raises(UnsupportedModelError, match="needs the whole model in memory"):
        attempt("depth-last")
    with pytest.raises(UsageError, match=r"removes exactly 0\.5"):
        attempt("wanda-2:4", 0.25)
    poisoned = {name: tensor.clone() for name, tensor in weights.items()}
    poisoned["model.layers.2.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(poisoned, base / "model.safetensors")
    with pytest.raises(NotFiniteError, match=r"layers\.2\.mlp"):
        attempt()
    save_file({name: each for name, each in weights.items() if "layers.3.mlp" not in name}, base / "model.safetensors")
    with pytest.raises(UnsupportedModelError, match=r"3 are missing, first 'model\.layers\.3\.mlp"):
        attempt()
    (base / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../model.safetensors"}}')
    with pytest.raises(UnsupportedModelError, match="files of the folder itself"):
        attempt()
    assert list(output.parent.iterdir()) == []
