"""The commands as a user meets them: results, JSON, and every bad request with its own words and status 2."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.settings import ROOT
from pruning.__main__ import app
from pruning.card import base_license
from pruning.models import resolve, stored_dtype

HEADS = (
    *(f"{budget}-{arm}" for budget in ("random", "importance") for arm in ("zero", "remove")),
    *(f"balanced-{arm}" for arm in ("zero", "duplicate", "merge", "remove")),
    *(f"imbalanced-{arm}" for arm in ("zero", "duplicate")),
    "magnitude-remove",
    "control-duplicate",
)
WEIGHTS = ("random", "magnitude", "wanda", "sparsegpt")
BUDGETED = ("magnitude-owl", "wanda-owl", "sparsegpt-owl", "magnitude-sensitivity", "wanda-sensitivity")
DEPTH = (
    "last", "last-but-final", "random", "angular", "angular-mean", "magnitude", "linear", "bi", "angular-scattered",
    "greedy", "angular-healed",
)  # fmt: skip
QUICK = ["--evaluation-windows", "4", "--calibration-windows", "4", "--latency-repeats", "1"]


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.mark.parametrize("method", ["magnitude", "depth-angular", "mlp-maxmin"])
def test_prune_says_what_it_did_and_evaluate_agrees(
    checkpoints: dict[str, Path], family: str, method: str, tmp_path: Path
) -> None:
    (checkpoints[family] / "README.md").write_text("---\nlicense: mit\n---\n# a model\n")
    output = tmp_path / "pruned"
    command = ("prune", checkpoints[family], "--method", method, "--ratio", "0.5", "--output", output, *QUICK)
    pruned = call(*command, "--json")
    assert pruned.exit_code == 0, pruned.stderr
    said = json.loads(pruned.stdout.splitlines()[-1])
    assert said["achieved_ratio"] == 0.5
    assert said["physical"] == (method != "magnitude" and not (family == "bloom" and method == "mlp-maxmin"))
    compared = call("evaluate", output, "--against", checkpoints[family], *QUICK[:2], *QUICK[4:], "--json")
    seen = json.loads(compared.stdout.splitlines()[-1])["models"]
    for metric in ("perplexity", "parameters", "nonzeros", "bytes", "removed_fraction"):
        assert seen["pruned"][metric] == pytest.approx(said["after"][metric], rel=1e-6)
        assert seen[family][metric] == pytest.approx(said["before"][metric], rel=1e-6)
    smaller = said["after"]["bytes"] < said["before"]["bytes"]
    assert smaller == said["physical"]
    card = (output / "README.md").read_text()
    assert all(words in card for words in (method, "license: mit", "ratio asked 0.5, achieved 0.5", "| perplexity |"))
    assert base_license(output) == "mit"
    again = call(*command)
    assert again.exit_code == 2
    assert "exists already" in again.stderr


SCORES = ("distinct_1", "distinct_2", "repetition", "perplexity")


def test_text_output_is_a_table(checkpoints: dict[str, Path]) -> None:
    answer = call("evaluate", checkpoints["opt"], *QUICK[:2], *QUICK[4:])
    lines = answer.stdout.splitlines()
    assert lines[0].split() == ["metric", "unit", "opt"]
    assert [line.split()[0] for line in lines[1:]] == [
        "perplexity",
        "excess_loss",
        "perplexity_floor",
        "window",
        "stride",
        "parameters",
        "nonzeros",
        "bytes",
        "removed_fraction",
        "peak_memory",
        "flops",
        "latency",
        "decode_latency",
        "tokens_per_second",
        *(f"{choice}_{score}" for choice in ("greedy", "sampled") for score in SCORES),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ratio", "0"], "expected a fraction in (0, 1)"),
        (["--ratio", "1"], "expected a fraction in (0, 1)"),
        (["--ratio", "-0.5"], "expected a fraction in (0, 1)"),
        (["--ratio", "nan"], "expected a fraction in (0, 1)"),
        (["--ratio", "half"], "expected a fraction in (0, 1), the share to remove, got 'half'"),
        (["--ratio", "0.01"], "removes none when the new width is a multiple of 8"),
        (["--method", "mlp-maxmax"], "Did you mean mlp-maxmin"),
        (["--device", "cuda"], "--device: expected auto or cpu"),
        (["--window-tokens", "3"], "--window-tokens: expected at least 16"),
        (["--evaluation-windows", "0"], "--evaluation-windows"),
        (["--output", "/proc/nowhere/checkpoint"], "--output: cannot write"),
        (["--output", "/dev/null"], "--output: expected a folder"),
    ],
)
def test_bad_requests_to_prune(checkpoints: dict[str, Path], tmp_path: Path, arguments: list[str], words: str) -> None:
    given = {"--ratio": "0.5", "--method": "mlp-maxmin", "--output": str(tmp_path / "out"), arguments[0]: arguments[1]}
    answer = call("prune", checkpoints["llama"], *(part for pair in given.items() for part in pair))
    assert answer.exit_code == 2
    assert words in answer.stderr
    assert not (tmp_path / "out").exists()


def test_models_that_cannot_be_had(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("empty", "broken", "pickled", "quantised", "foreign")}
    for folder in folders.values():
        folder.mkdir()
    (folders["broken"] / "config.json").write_text('{"model_type": ')
    (folders["pickled"] / "config.json").write_text("{}")
    (folders["pickled"] / "pytorch_model.bin").write_bytes(b"\x80")
    (folders["quantised"] / "config.json").write_text('{"quantization_config": {"bits": 4}}')
    (folders["foreign"] / "config.json").write_text('{"attn_implementation": "someone/kernel"}')
    for name, words in (
        ("lama", "Did you mean reference/llama"),
        ("reference/gtp2", "Did you mean reference/gpt2"),
        (str(tmp_path / "nowhere" / "at" / "all"), "no model"),
        (str(folders["empty"]), "expected config.json"),
        (str(folders["broken"]), "expected a JSON object"),
        (str(folders["pickled"]), "pickles are never opened"),
        (str(folders["quantised"]), "quantised weights"),
        (str(folders["foreign"]), "asks for code from outside"),
    ):
        answer = call("inspect", name)
        assert answer.exit_code == 2, name
        assert words in answer.stderr, name
    assert resolve(str(checkpoints["llama"])).name == "llama"


def test_a_hub_model_without_a_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    answer = call("inspect", "nobody/nothing", "--offline")
    assert answer.exit_code == 2
    assert "no model 'nobody/nothing'" in answer.stderr


def test_a_header_that_lies_about_its_size_is_refused(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((10**15).to_bytes(8, "little") + b"{}")
    with pytest.raises(Exception, match="is no safetensors file"):
        stored_dtype(tmp_path)


def test_methods_and_inspect_list_everything(checkpoints: dict[str, Path]) -> None:
    listed = [json.loads(line) for line in call("methods", "--json").stdout.splitlines()]
    assert {(row["name"], row["scope"]) for row in listed} == {
        *((f"{name}{pattern}", "weight") for name in WEIGHTS for pattern in ("", "-2:4", "-4:8")),
        *((name, "weight") for name in ("magnitude-global", *BUDGETED)),
        *((f"depth-{name}", "layer") for name in DEPTH),
        *((f"share-{name}", "layer") for name in ("random", "angular")),
        ("low-rank-random", "factorisation"),
        ("svd", "factorisation"),
        ("svd-activation", "factorisation"),
        *((f"mlp-{name}", "neuron") for name in ("random", "maxmin", "l1", "variance", "wanda", "flap")),
        *((f"heads-{name}", "head") for name in HEADS),
        ("experts-random", "expert"),
        ("experts-use", "expert"),
        ("experts-magnitude", "expert"),
    }
    for family, folder in checkpoints.items():
        seen = json.loads(call("inspect", folder, "--json").stdout)
        assert seen["layers"] == 4, family
        refused = {name: words for name, words in seen["methods"].items() if words != "fits"}
        merge = {name for name in refused if "alibi positions differ by head" in refused[name]}
        experts = {name for name in refused if "needs a mixture of experts" in refused[name]}
        assert merge == ({"heads-balanced-merge"} if family == "bloom" else set())
        assert experts == {row["name"] for row in listed if row["scope"] == "expert"}
        assert refused.keys() == merge | experts


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from pruning.__main__ import app\n"
        "import pruning.reference\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([name for name in ('torch', 'transformers', 'pandas', 'huggingface_hub') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_every_command_has_help() -> None:
    commands = ["run", "prune", "heal", "evaluate", "methods", "inspect"]
    steps = [["depth", name] for name in ("scores", "table", "heatmap", "cut")]
    for command in ([], *([name] for name in commands), *steps):
        answer = call(*command, "--help")
        assert answer.exit_code == 0, command
        assert answer.exception is None, command
    assert "NAME(/CONFIG)(:SPLIT)" in "".join(re.split(r"[\s│]", call("prune", "--help").stdout))


def test_what_was_measured_is_what_was_stored(tmp_path: Path) -> None:
    """SparseGPT computes weights that fp16 does not hold: they are rounded before they are measured."""
    order = ("prune", "reference/llama", "--method", "sparsegpt", "--ratio", "0.5", "--output", str(tmp_path / "cut"))
    said = json.loads(call(*order, "--json", *QUICK).stdout.splitlines()[-1])
    few = ("--evaluation-windows", "4", "--latency-repeats", "1")
    stored = json.loads(call("evaluate", str(tmp_path / "cut"), "--json", *few).stdout.splitlines()[-1])
    assert stored["models"]["cut"]["perplexity"] == said["after"]["perplexity"]
