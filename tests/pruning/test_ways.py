"""In memory or from disk to disk, and on which device: chosen by what is free, said in words."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from pipeline.errors import UsageError
from pruning.__main__ import app
from pruning.checkpoint import write_weights
from pruning.devices import command_device
from pruning.errors import UnsupportedModelError
from pruning.memory import free_memory
from pruning.methods import METHODS
from pruning.models import load_model
from pruning.streaming.choose import choose_way, fp32_bytes
from tests.pruning.architectures import build_tiny

QUICK = ("--evaluation-windows", "2", "--calibration-windows", "2", "--latency-repeats", "1", "--json")


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_free_memory_is_the_smaller_of_machine_and_container(tmp_path: Path) -> None:
    system = tmp_path / "meminfo"
    assert free_memory(system, tmp_path) is None
    system.write_text("MemTotal:  9000 kB\nMemAvailable:    4000 kB\n")
    assert free_memory(system, tmp_path) == 4_096_000
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("900\n")
    assert free_memory(system, tmp_path) == 4_096_000
    (tmp_path / "memory.max").write_text("1000\n")
    assert free_memory(system, tmp_path) == 100
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 50\n")
    assert free_memory(system, tmp_path) == 150
    assert free_memory() is not None


def test_the_way_follows_the_free_memory(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkpoints["llama"]
    size = sum(4 * parameter.numel() for parameter in load_model(folder).parameters())
    assert fp32_bytes(folder) == size
    for free, stream in ((2 * size, False), (2 * size - 1, True), (None, False)):
        monkeypatch.setattr("pruning.streaming.choose.free_memory", lambda free=free: free)
        assert choose_way("auto", folder, METHODS["wanda"]).stream == stream
    monkeypatch.setattr("pruning.streaming.choose.free_memory", lambda: size)
    structured = choose_way("auto", folder, METHODS["depth-last"])
    assert not structured.stream
    assert "needs the whole model in memory" in structured.why
    assert not choose_way("never", folder, METHODS["wanda"]).stream
    with pytest.raises(UnsupportedModelError, match="removes neurons, which needs the whole model in memory"):
        choose_way("always", folder, METHODS["mlp-maxmin"])
    with pytest.raises(UnsupportedModelError, match="wanda-sensitivity runs the model to its end"):
        choose_way("always", folder, METHODS["wanda-sensitivity"])
    assert not choose_way("auto", folder, METHODS["wanda-sensitivity"]).stream
    for name in ("svd", "wanda-owl"):
        assert choose_way("always", folder, METHODS[name]).stream
        assert choose_way("auto", folder, METHODS[name]).stream
    with pytest.raises(UsageError, match="--stream: expected auto, always, never"):
        choose_way("sometimes", folder, METHODS["wanda"])


def test_prune_streams_when_memory_is_short_and_writes_the_same(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = checkpoints["gpt2"]
    command = ("prune", base, "--method", "magnitude", "--ratio", "0.5", *QUICK, "--output")
    whole = call(*command, tmp_path / "whole")
    monkeypatch.setattr("pruning.streaming.choose.free_memory", lambda: 1)
    streamed = call(*command, tmp_path / "streamed")
    for answer, words, is_streamed in ((whole, "pruned in memory", False), (streamed, "from disk to disk", True)):
        assert answer.exit_code == 0, answer.output
        assert words in answer.output
        assert json.loads(answer.stdout.splitlines()[-1])["streamed"] == is_streamed
    assert "nothing is measured" in streamed.output
    expected, found = (load_model(tmp_path / name).state_dict() for name in ("whole", "streamed"))
    assert all(torch.equal(each, found[name]) for name, each in expected.items())


def test_the_card_of_a_streamed_checkpoint_names_model_and_text(tmp_path: Path) -> None:
    output = tmp_path / "out"
    command = ("prune", "reference/llama", "--method", "wanda", "--ratio", "0.5", "--stream", "always", *QUICK)
    answer = call(*command, "--output", output)
    assert answer.exit_code == 0, answer.output
    card = (output / "README.md").read_text()
    assert "- base model: `reference/llama`" in card
    assert json.loads(answer.stdout.splitlines()[-1])["texts"]["calibration"] in card


def test_what_cannot_stream_says_so(tmp_path: Path) -> None:
    for name in ("bert", "whisper", "vit"):
        write_weights(build_tiny(name), tmp_path / name, torch.float32)
        output = ("--output", tmp_path / "out", "--stream", "always")
        answer = call("prune", tmp_path / name, "--method", "magnitude", "--ratio", "0.5", *output)
        assert answer.exit_code == 2, (name, answer.output)
        assert name == "bert" or "only causal language models are pruned from disk to disk" in answer.stderr
        assert not (tmp_path / "out").exists()


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [command_device(wanted) for wanted in ("auto", "cpu")] == ["cpu", "cpu"]
    for seen, good, bad in ((0, (), ("cuda", "cuda:0")), (2, ("cuda", "cuda:1"), ("cuda:2",))):
        monkeypatch.setattr("torch.cuda.is_available", lambda seen=seen: seen > 0)
        monkeypatch.setattr("torch.cuda.device_count", lambda seen=seen: seen)
        assert [command_device(wanted) for wanted in good] == [*good]
        for wanted in bad:
            with pytest.raises(UsageError, match=f"got '{wanted}'; torch sees {seen} CUDA devices here"):
                command_device(wanted)


@pytest.mark.gpu
def test_prune_and_evaluate_on_a_gpu(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    numbers = {}
    for device in ("cpu", "cuda"):
        where = ("--output", tmp_path / device, "--device", device)
        pruned = call("prune", checkpoints["llama"], "--method", "wanda", "--ratio", "0.5", *where, *QUICK)
        assert pruned.exit_code == 0, pruned.output
        numbers[device] = json.loads(pruned.stdout.splitlines()[-1])["after"]
    assert numbers["cuda"]["perplexity"] == pytest.approx(numbers["cpu"]["perplexity"], rel=0.02)
    assert numbers["cuda"]["nonzeros"] == numbers["cpu"]["nonzeros"]
