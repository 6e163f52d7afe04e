"""`pruning.benchmark`: the pipeline's own numbers, on a user's model and text."""

import copy
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import torch

from pipeline.errors import UsageError
from pipeline.settings import load_settings
from pruning import benchmark as typed_benchmark
from pruning.evaluation import METRICS
from pruning.experiments.plan import DENSE
from pruning.experiments.specification import Experiment, Specification, TextSizes
from pruning.experiments.work import perform
from pruning.methods import METHODS
from pruning.models import load_tokenizer
from pruning.texts import Text, reference_text, text_for
from tests.pruning.architectures import build_tiny

SIZES = TextSizes(6, 4, 48)
QUICK: dict[str, Any] = {
    "evaluation_windows": 6,
    "calibration_windows": 4,
    "window_tokens": 48,
    "repeats": 1,
    "progress": False,
}
TIMED = ("latency", "latency_ratio", "decode_latency", "decode_latency_ratio", "tokens_per_second")
NOT_REPEATED = ["experiment_seconds", *TIMED]
benchmark: Any = typed_benchmark  # cells of a DataFrame have no type
WORDS = "the quick keeper sees a lamp . " * 3


def performed(folder: Path, method: str, ratio: float, seed: int) -> Any:
    """Return what the pipeline's experiment answers."""
    record = None if method == DENSE else METHODS[method]
    calibration = text_for(folder, "calibration", SIZES.calibration_windows, SIZES.window_tokens, seed)
    assert calibration is not None
    specification = Specification(
        model_id=folder.name,
        source="reference",
        revision="",
        method=method,
        method_version=1,
        scope=record.scope if record else "none",
        ratio=ratio,
        seed=seed,
        calibration=calibration.text_hash if record and record.calibrated else None,
        evaluation="",
        latency_repeats=1,
        device="cpu",
        metrics=METRICS.names(),
    )
    return perform(Experiment(specification, folder, SIZES))


def test_numbers_are_the_pipelines(checkpoints: dict[str, Path]) -> None:
    folder = checkpoints["llama"]
    methods = ["random", "wanda", "depth-last", "mlp-flap", "experts-use"]
    found = benchmark(folder, methods, [0.5], "reference", seeds=2, **QUICK)
    assert [*zip(found["method"], found["seed"], strict=True)] == [
        (DENSE, 0),
        ("random", 0), ("random", 1), ("wanda", 0), ("wanda", 1), ("depth-last", 0),
        ("mlp-flap", 0), ("mlp-flap", 1), ("experts-use", 0), ("experts-use", 1),
    ]  # fmt: skip
    for row in found.to_dict("records"):
        result = performed(folder, str(row["method"]), float(row["ratio"]), int(row["seed"]))
        assert (row["status"], row["detail"]) == (result.status, result.detail or "")
        for name, number in result.metrics:
            if name not in TIMED:
                assert row[name] == number.value, (row["method"], name)
                assert row.get(f"{name}_low") == number.ci_low or number.ci_low is None
                assert row.get(f"{name}_high") == number.ci_high or number.ci_high is None
    refused = found[found["method"] == "experts-use"]
    assert {*refused["status"]} == {"refused"}
    assert {*refused["reason"]} == {"unsupported"}
    assert refused["perplexity"].isna().all()
    measured = {name for name, _ in performed(folder, "wanda", 0.5, 0).metrics}
    assert measured == {*found.attrs["units"]} == {*found.attrs["directions"]}
    assert found.attrs["units"] == {name: METRICS[name].unit for name in METRICS.names() if name in measured}


def state(model: Any) -> tuple[Any, ...]:
    tensors = {name: (tensor.clone(), tensor.dtype) for name, tensor in model.state_dict().items()}
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    wanted = [parameter.requires_grad for parameter in model.parameters()]
    return tensors, hooks, wanted, [module.training for module in model.modules()], model.config.to_dict()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_model_comes_back_unchanged_and_the_rows_again(dtype: torch.dtype, windows: Any) -> None:
    model = build_tiny("llama").to(dtype)
    model.train()
    given = [[token % 60 for token in window] for window in windows]
    before, random_state = state(model), torch.get_rng_state()
    threads = torch.get_num_threads()
    methods = ["sparsegpt", "mlp-random", "depth-angular-healed", "svd"]
    first, second = (benchmark(model, methods, 0.5, given, **QUICK) for _ in range(2))
    after = state(model)
    assert after[1:] == before[1:]
    for name, (tensor, kind) in before[0].items():
        assert after[0][name][1] == kind
        assert torch.equal(after[0][name][0], tensor)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.get_num_threads() == threads
    assert {*first["status"]} == {"done"}
    pandas.testing.assert_frame_equal(first.drop(columns=NOT_REPEATED), second.drop(columns=NOT_REPEATED))


def test_a_text_is_split_between_evaluation_and_calibration(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = checkpoints["gpt2"]
    tokenizer: Any = load_tokenizer(folder)
    documents = [tokenizer.decode(window) for window in reference_text("train", 12, 48).windows]
    file = tmp_path / "text.txt"
    file.write_text(" ".join(documents))
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    sizes = {**QUICK, "window_tokens": 32}
    tables = [
        benchmark(model, ["wanda"], [0.5], text, **sizes) for text in (" ".join(documents), file, [" ".join(documents)])
    ]
    assert len({table.attrs["evaluation"] for table in tables}) == 1  # the end of a document comes after all of these
    assert tables[0]["perplexity"].tolist() == tables[1]["perplexity"].tolist()
    apart = benchmark(model, ["wanda"], [0.5], file, calibration="reference", **sizes)
    assert apart["perplexity"][0] == tables[0]["perplexity"][0]
    assert apart["perplexity"][1] != tables[0]["perplexity"][1]
    assert apart.attrs["evaluation_windows"] == 6


def windows_of(count: int) -> list[list[int]]:
    return [[(7 * window + place) % 50 + 5 for place in range(12)] for window in range(count)]


@pytest.mark.parametrize(
    ("given", "evaluated", "calibrated", "seeds"), [(5, 3, 2, 1), (2, 1, 1, 1), (10, 6, 4, 1), (11, 6, 4, 3)]
)
def test_a_short_text_serves_both(given: int, evaluated: int, calibrated: int, seeds: int) -> None:
    found = benchmark(build_tiny("llama"), ["wanda"], [0.5], windows_of(given), seeds=3, **QUICK)
    assert found.attrs["evaluation_windows"] == evaluated
    assert found.attrs["calibration_windows"] == calibrated
    # Where all that is left calibrates, there is nothing to draw; one window more, and each seed has its own.
    assert [*found[found["method"] == "wanda"]["seed"]] == [*range(seeds)]


def test_seeds_do_not_depend_on_how_many_there_are() -> None:
    model = build_tiny("llama")
    few, many = (benchmark(model, ["wanda"], [0.5], windows_of(25), seeds=seeds, **QUICK) for seeds in (2, 4))
    assert few["perplexity"].tolist() == many["perplexity"].tolist()[:3]
    assert many["perplexity"].nunique() == 5


def test_a_method_that_breaks_is_a_row(monkeypatch: Any) -> None:
    def broken(request: Any) -> Any:
        raise RuntimeError("out of memory" if request.ratio == 0.5 else "shapes differ")

    record = METHODS["magnitude"]
    broken_record = copy.copy(record)
    object.__setattr__(broken_record, "function", broken)
    monkeypatch.setitem(METHODS._by_name, "magnitude", broken_record)
    found = benchmark(build_tiny("llama"), ["magnitude", "random"], [0.5, 0.25], windows_of(4), **QUICK)
    assert found["status"].tolist() == ["done", "failed", "failed", "done", "done"]
    assert found["reason"].tolist()[1:3] == ["out_of_memory", "error"]
    assert found["detail"][2] == "RuntimeError: shapes differ"


def test_weights_that_are_not_finite_are_rows() -> None:
    model = build_tiny("llama")
    next(model.parameters()).data[0, 0] = float("nan")
    found = benchmark(model, ["magnitude"], [0.5], windows_of(4), **QUICK)
    assert {*found["status"]} == {"failed"}
    assert {*found["reason"]} == {"not_finite"}


def test_models_that_read_no_text_have_numbers_too() -> None:
    found = benchmark(build_tiny("vit"), ["magnitude", "wanda"], [0.5], **QUICK)
    assert found["status"].tolist() == ["done", "done", "refused"]
    assert found["noise_cosine"].notna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"methods": ["wandb"]}, "Did you mean wanda"),
        ({"ratios": [1.5]}, r"expected a fraction in \(0, 1\)"),
        ({"seeds": 0}, "seeds: expected at least 1"),
        ({"seeds": 2.5}, r"seeds: expected at least 1, a whole number, got 2\.5"),
        ({"repeats": 0}, "repeats: expected at least 1"),
        ({"text": WORDS}, r"needs tokenizer=\.\.\."),
        ({"text": [[1, 2]]}, "at least two windows"),
        ({"text": []}, "at least one window"),
        ({"text": [[*range(50)] * 100]}, "within the model's context"),
        ({"text": windows_of(5), "calibration": windows_of(5)[4:]}, "must not overlap"),
        ({"text": [*windows_of(1), *windows_of(1)]}, "must not overlap"),
        ({"model": "no/such/model"}, "no model 'no/such/model'"),
        ({"model": 5}, "expected a model in memory"),
        ({"model": torch.nn.Linear(2, 2)}, "expected a model in memory"),
        ({"text": [[1.5, 2.0], [3.0, 4.0]]}, "expected windows of token ids"),
        ({"text": pandas.Series(["12345", "23456"])}, "expected windows of token ids"),
        ({"text": [[1], [2]]}, "a window of at least two token ids"),
        ({"text": Text(((5,) * 5000,), "hash", None)}, "within the model's context"),
        ({"text": "pyproject.toml"}, r"give Path\('pyproject\.toml'\)"),
        ({"text": "reference"}, "no text for this model"),
    ],
)
def test_what_cannot_be_asked(arguments: dict[str, Any], words: str) -> None:
    from pruning.errors import UnsupportedModelError

    given = {"model": build_tiny("llama"), "methods": ["magnitude"], "ratios": [0.5], "text": windows_of(4), **QUICK}
    with pytest.raises((UsageError, UnsupportedModelError), match=words):
        benchmark(**{**given, **arguments})


def test_one_ratio_may_be_numpys_and_is_tried_once() -> None:
    ratios = [numpy.float32(0.5), [0.5, 0.5]]
    tables = [benchmark(build_tiny("llama"), ["magnitude"], ratio, windows_of(4), **QUICK) for ratio in ratios]
    assert [table["ratio"].tolist() for table in tables] == [[0, 0.5], [0, 0.5]]


def test_defaults_are_the_pipelines() -> None:
    import inspect

    settings = load_settings({}, None)
    defaults = {name: parameter.default for name, parameter in inspect.signature(typed_benchmark).parameters.items()}
    for name in ("evaluation_windows", "calibration_windows", "window_tokens", "seeds"):
        assert defaults[name] == getattr(settings, name)
    assert defaults["repeats"] == settings.latency_repeats


def test_progress_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark(build_tiny("llama"), "magnitude", 0.5, windows_of(4), **{**QUICK, "progress": True})
    told = capsys.readouterr()
    assert "benchmark: 2 of 2" in told.err
    assert not told.out
