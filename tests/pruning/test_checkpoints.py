"""Saved checkpoints: the same model in a new process, whole or not at all."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from pipeline.errors import UsageError
from pruning import inspect, prune
from pruning.checkpoint import check_output, save_checkpoint
from pruning.errors import UnsupportedModelError
from pruning.generation import greedy_continuation
from pruning.models import load_model, stored_dtype

METHODS = ("magnitude", "sparsegpt", "depth-angular", "mlp-maxmin", "mlp-flap")
# Prints, for each folder, logits and greedy tokens with and without a cache, with nothing of this project but its file.
READER = """
import json, sys, torch
from transformers import AutoModelForCausalLM
torch.set_num_threads(1)
found = {}
for folder in sys.argv[1:]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.arange(1, 13).unsqueeze(0)
    with torch.inference_mode():
        logits = model(input_ids=ids).logits[0, -1].tolist()
        texts = [
            model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=20,
                           min_new_tokens=20, use_cache=cache)[0].tolist()
            for cache in (True, False)
        ]
    found[folder] = [logits, *texts]
print(json.dumps(found))
"""


def last_logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=torch.arange(1, 13).unsqueeze(0)).logits[0, -1]


def test_every_family_and_scope_reloads_in_a_new_process(
    checkpoints: dict[str, Path], windows: tuple[tuple[int, ...], ...], tmp_path: Path
) -> None:
    expected = {}
    for family, base in checkpoints.items():
        for method in METHODS:
            model = load_model(base)
            prune(model, method, 0.5, calibration=windows)
            folder = tmp_path / f"{family}-{method}"
            save_checkpoint(model, base, folder, dtype=stored_dtype(base), card="card")
            expected[str(folder)] = last_logits(model)
            assert stored_dtype(folder) == torch.float16
            assert len({file.stat().st_mode for file in folder.iterdir()}) == 1  # who reads one file reads all
    command = [sys.executable, "-c", READER, *expected]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout.splitlines()[-1])
    assert set(found) == set(expected)
    for folder, (logits, cached, uncached) in found.items():
        assert torch.allclose(torch.tensor(logits), expected[folder], atol=1e-5), folder
        assert len(cached) == 12 + 20
        assert cached == uncached, folder


def test_cache_and_no_cache_agree_in_memory_after_removing_layers(model: Any) -> None:
    prune(model, "depth-last", 0.5)
    model.generation_config.eos_token_id = None
    cached = greedy_continuation(model, range(1, 9))
    assert cached == greedy_continuation(model, range(1, 9), use_cache=False)
    assert len(cached) == 20


def test_a_pruned_checkpoint_is_pruned_again(checkpoints: dict[str, Path], family: str, tmp_path: Path) -> None:
    base = checkpoints[family]
    for step, method in enumerate(("depth-last", "mlp-random", "depth-last", "magnitude")):
        model = load_model(base)
        prune(model, method, 0.34 if method == "depth-last" else 0.5)
        save_checkpoint(model, base, tmp_path / str(step), dtype=stored_dtype(base), card="card")
        base = tmp_path / str(step)
    model = load_model(base)
    assert len(inspect(model).layers) == 2
    assert json.loads((base / "config.json").read_text())["dtype"] == "float16"
    for matrix in inspect(model).prunable:
        assert int((model.get_parameter(f"{matrix.path}.weight") == 0).sum()) >= matrix.size // 2


def test_nothing_is_overwritten_unasked_and_nothing_half_done_is_left(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, folder = checkpoints["llama"], tmp_path / "out"
    model = load_model(base)
    save_checkpoint(model, base, folder, dtype=torch.float16, card="first")
    with pytest.raises(UsageError, match="exists already"):
        save_checkpoint(model, base, folder, dtype=torch.float16, card="second")
    assert (folder / "README.md").read_text() == "first"
    save_checkpoint(model, base, folder, dtype=torch.float16, card="second", overwrite=True)
    assert (folder / "README.md").read_text() == "second"

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pruning.checkpoint.copy_tokenizer", full_disk)
    with pytest.raises(UsageError, match="No space left on device"):
        save_checkpoint(model, base, folder, dtype=torch.float16, card="third", overwrite=True)
    assert (folder / "README.md").read_text() == "second"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_what_transformers_reads_back_differently_is_not_saved(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    model = load_model(checkpoints["llama"])
    model.model.layers[0].self_attn.scaling *= 2  # a change that no config field can say
    with pytest.raises(UnsupportedModelError, match="Nothing was saved"):
        save_checkpoint(model, checkpoints["llama"], tmp_path / "out", dtype=torch.float32, card="")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_not_overwritten(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    model = load_model(checkpoints["opt"])
    with pytest.raises(UsageError, match="something else than a checkpoint"):
        save_checkpoint(model, checkpoints["opt"], tmp_path / "home", dtype=torch.float32, card="", overwrite=True)
    assert (tmp_path / "home" / "thesis.txt").read_text() == "years of work"


def test_a_checkpoint_that_holds_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "mine").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="something else than a checkpoint"):
        check_output(folder, overwrite=True)
    assert (folder / "mine").is_dir()


@pytest.mark.parametrize("words", ["unable to mmap 9 bytes: Cannot allocate memory (12)", "can't start new thread"])
def test_want_of_memory_is_no_fault_of_the_model(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    def starved(*_: object, **__: object) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr(transformers.LlamaForCausalLM, "from_pretrained", starved)
    with pytest.raises(RuntimeError, match=words[-10:-4]):
        load_model(checkpoints["llama"])
