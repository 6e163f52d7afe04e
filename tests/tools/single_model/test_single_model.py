"""Single models on demand: what may be asked, and the whole workflow on a reference model."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.errors import StageError, UsageError
from pipeline.settings import ROOT
from pruning.methods import METHODS
from tools.single_model.__main__ import app
from tools.single_model.order import Order, read_model, read_order, read_text
from tools.single_model.work import answer_of, evaluate_words, prune_words
from tools.workflows import Machine, run_workflow
from tools.workflows.actions.artifacts import FORBIDDEN

WORKFLOW = ROOT / ".github/workflows/single_model.yml"


def test_what_may_be_asked() -> None:
    order = read_order("Qwen/Qwen2.5-0.5B", "wanda", "0.25", "Salesforce/wikitext/wikitext-2-raw-v1:train", "reference")
    assert order == Order(
        "Qwen/Qwen2.5-0.5B", "wanda", 0.25, "Salesforce/wikitext/wikitext-2-raw-v1:train", "reference"
    )
    assert order.name == "Qwen--Qwen2.5-0.5B.wanda.0.25"


def test_every_method_has_a_name_that_an_artifact_may_have() -> None:
    names = {Order("Qwen/Qwen2.5-0.5B", method, 0.5, "", "").name for method in METHODS.names()}
    assert len(names) == len(METHODS)
    assert [name for name in names if FORBIDDEN.search(name)] == []


@pytest.mark.parametrize(
    "model",
    ["", "llama", "reference/nothing", "/etc/passwd", "../x", "a/../b", "a/b/c", "reference_models/llama", "-a/b"],
)
def test_a_model_is_a_reference_or_on_the_hub(model: str) -> None:
    with pytest.raises(UsageError, match=r"reference model|model: expected"):
        read_model(model)


@pytest.mark.parametrize(
    "text", ["/etc/passwd", "a", "reference_models/llama", "a/../b:c", "a/b/c/d", "a/b:c:d", "~/x"]
)
def test_a_text_is_on_the_hub(text: str) -> None:
    with pytest.raises(UsageError, match="calibration: expected"):
        read_text("calibration", text)


@pytest.mark.parametrize(
    ("method", "ratio", "said"), [("magnitud", "0.5", "Did you mean magnitude"), ("magnitude", "1", "--ratio"),
                                  ("magnitude", "half", "--ratio"), ("magnitude-2:4", "0.3", "removes exactly 0.5")]
)  # fmt: skip
def test_methods_and_ratios(method: str, ratio: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_order("reference/llama", method, ratio, "", "")


def test_values_never_stand_where_options_could() -> None:
    order = Order("a/b", "wanda", 0.25, "c/d", "")
    words = prune_words(order, Path("out/checkpoint"))
    assert words[:2] == ["prune", "a/b"]
    assert words[2:] == ["--method=wanda", "--ratio=0.25", "--output=out/checkpoint", "--calibration=c/d"]
    assert evaluate_words(order, Path("out")) == ["evaluate", "out", "--against=a/b"]


@pytest.mark.parametrize(
    ("calibration", "evaluation", "asked"), [("", "", False), ("reference", "", False), ("", "c/d", True)]
)
def test_the_hub_is_asked_for_datasets_alone(calibration: str, evaluation: str, asked: bool) -> None:
    """The model has been fetched, with the token that these commands do not have."""
    order = Order("a/b", "wanda", 0.25, calibration, evaluation)
    assert ("--offline" in prune_words(order, Path("out"))) is not asked
    assert ("--offline" in evaluate_words(order, Path("out"))) is not asked


@pytest.mark.slow
def test_the_workflow_prunes_measures_and_keeps(tmp_path: Path) -> None:
    repository = tmp_path / "project"
    for name in ("hub", "pipeline", "store", "analysis", "pruning", "tools", "uncertainty", "pictures"):
        shutil.copytree(ROOT / name, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "reference_models/llama", repository / "reference_models/llama")
    for name in ("pipeline.toml", "requirements.lock", "run_pipeline.py"):
        shutil.copy(ROOT / name, repository)
    inputs = {"model": "reference/llama", "method": "mlp-maxmin", "ratio": "0.25", "evaluation_windows": "4"}
    result = run_workflow(
        WORKFLOW,
        "workflow_dispatch",
        inputs,
        {"ARBORIST_WINDOW_TOKENS": "32"},
        repository,
        tmp_path / "runs",
        machine=Machine(environment={"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}),
    )
    logs = [job.log.read_text() for job in result.jobs if job.log]
    assert result.conclusion == "success", logs[-1][-2000:]
    assert result.job("prune").labels == ("ubuntu-24.04",)
    assert "| perplexity |" in result.job("prune").summary
    kept = result.artifact("reference--llama.mlp-maxmin.0.25")
    assert (kept / "checkpoint/model.safetensors").is_file()
    assert "mlp-maxmin" in (kept / "checkpoint/README.md").read_text()
    assert (kept / "report.md").read_text().strip() == result.job("prune").summary.strip()
    measured = json.loads((kept / "evaluation.json").read_text())["models"]
    base, cut = measured.values()
    assert cut["parameters"] < base["parameters"]
    assert METHODS["mlp-maxmin"].scope == "neuron"


def test_the_device_is_the_repositorys_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = yaml.safe_load(WORKFLOW.read_text())["env"]
    assert environment["ARBORIST_DEVICE"] == "${{ vars.ARBORIST_DEVICE }}"
    monkeypatch.setenv("ARBORIST_DEVICE", "cuda:99")
    order = read_order("reference/llama", "magnitude", "0.5", "", "")
    with pytest.raises(StageError, match="got 'cuda:99'; torch sees"):
        answer_of(prune_words(order, tmp_path / "checkpoint"))


@pytest.mark.parametrize(
    ("model", "code", "said"), [("reference/llama", 0, "its files are here"), ("/etc", 2, "model:")]
)
def test_the_files_of_what_may_be_asked_are_fetched(model: str, code: int, said: str) -> None:
    answer = CliRunner().invoke(app, ["fetch", "--model", model])
    assert answer.exit_code == code
    assert said in answer.output


def test_a_gpu_runner_where_one_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for said, expected in (("", '"ubuntu-24.04"'), ("true", '["self-hosted", "gpu"]')):
        file = tmp_path / f"outputs{said}"
        monkeypatch.setenv("GITHUB_OUTPUT", str(file))
        monkeypatch.setenv("ARBORIST_GPU_RUNNER", said)
        words = ["check", "--model", "reference/llama", "--method", "magnitude", "--ratio", "0.5"]
        assert CliRunner().invoke(app, words).exit_code == 0
        assert expected in file.read_text()
        answer = CliRunner().invoke(app, [*words, "--device", "cuda"])
        assert answer.exit_code == (0 if said else 2)
        assert said or "ARBORIST_DEVICE: expected auto or cpu on ubuntu-24.04, got 'cuda'" in answer.output
