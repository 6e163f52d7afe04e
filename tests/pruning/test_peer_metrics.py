"""Numbers against torchmetrics, lm-evaluation-harness and codecarbon, where they are installed."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import UsageError
from pruning import evaluate
from pruning.evaluation.observe import Extras, window_losses
from pruning.evaluation.tasks import harness_model, run_tasks, write_pairs
from pruning.texts import Text, reference_text
from pruning.texts.windows import sliding_windows

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("default")]
PAIRS = [
    ("the dog chases the cat .", "the dog chase the cat ."),
    ("these dogs chase the cat .", "these dogs chases the cat ."),
    ("anna eats figs .", "figs eats anna ."),
]


@pytest.fixture
def tokenizer() -> Any:
    from pruning.reference.tokenizer import build_tokenizer

    return build_tokenizer(64)


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt"])
@pytest.mark.parametrize(("length", "stride"), [(64, None), (32, None), (40, 10)])
def test_perplexity_is_that_of_torchmetrics(
    dense_models: dict[str, Any], family: str, length: int, stride: int | None
) -> None:
    from torchmetrics.text import Perplexity  # pyright: ignore[reportMissingImports]  # an extra

    model, theirs = dense_models[family], Perplexity(ignore_index=-100).double()
    tokens = sum(reference_text("evaluation", 4, 64).windows, ())
    text = Text(sliding_windows(tokens, length, stride or length), "", None, stride=stride)
    for window, first in zip(text.windows, text.scored_from, strict=True):
        labels = torch.tensor([[-100 if place < first else token for place, token in enumerate(window)]])
        with torch.inference_mode():
            theirs.update(model(input_ids=torch.tensor([window])).logits[:, :-1].double(), labels[:, 1:])
    assert evaluate(model, text, repeats=1)["perplexity"].value == pytest.approx(float(theirs.compute()), rel=1e-6)


def test_losses_are_those_of_the_harness(model: Any, tokenizer: Any) -> None:
    pytest.importorskip("lm_eval")
    from lm_eval.api.instance import Instance  # pyright: ignore[reportMissingImports]  # an extra

    windows = reference_text("evaluation", 4, 64).windows
    harness: Any = harness_model(model, tokenizer)
    harness.add_bos_token = False  # it puts its own first token before a text
    texts = [(tokenizer.decode(window[1:]),) for window in windows]
    rolling = harness.loglikelihood_rolling([Instance("loglikelihood_rolling", {}, text, 0) for text in texts], True)
    single = harness.loglikelihood([Instance("loglikelihood", {}, ("", text[0]), 0) for text in texts], True)
    ours = window_losses(model, windows)
    assert [-value for value in rolling] == pytest.approx(ours, rel=1e-6)
    assert [-value for value, _ in single] == pytest.approx(ours, rel=1e-6)


def test_local_tasks_against_a_plain_loop(tokenizer: Any, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    from pruning.models import load_model
    from pruning.reference import model_folder

    model = load_model(model_folder("llama"))
    write_pairs(tmp_path / "pairs.jsonl", PAIRS)
    passages = ["two plus three makes five", "count two kite : kite kite", "two plus three makes figs"]
    (tmp_path / "last_word.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in passages))
    found = run_tasks(model, tokenizer, tmp_path)
    hits = 0
    for pair in PAIRS:
        good, bad = window_losses(model, [tokenizer(sentence)["input_ids"] for sentence in pair])
        hits += good < bad
    assert [*found] == ["task:last_word:acc", "task:pairs:acc"]
    assert found["task:pairs:acc"].value == hits / 3
    assert found["task:pairs:acc"].n == 3
    right = 0
    for text in passages:
        *context, last = tokenizer(text)["input_ids"]
        with torch.inference_mode():
            right += int(model(input_ids=torch.tensor([context])).logits[0, -1].argmax()) == last
    assert found["task:last_word:acc"].value == pytest.approx(right / 3)
    assert 0 < right < 3


def test_a_pair_that_a_model_cannot_decide_counts_half(tokenizer: Any, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    from pruning.models import load_model
    from pruning.reference import model_folder

    model = load_model(model_folder("llama"))
    for parameter in model.parameters():
        parameter.data.zero_()  # any two sentences of one length are equally likely
    model.train()
    write_pairs(tmp_path / "pairs.jsonl", [(good, good) for good, _ in PAIRS])
    assert run_tasks(model, tokenizer, tmp_path)["task:pairs:acc"].value == 0.5
    assert all(module.training for module in model.modules())


def test_energy_is_estimated_without_a_network(dense_models: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("codecarbon")
    monkeypatch.chdir(tmp_path)
    asked: list[object] = []
    sys.addaudithook(lambda event, arguments: asked.append(arguments) if event == "socket.connect" else None)
    numbers = evaluate(dense_models["llama"], repeats=1, extras=Extras(energy_country="DEU"))
    assert 0 < numbers["energy_estimate"].value < 100
    assert 0 < numbers["co2_estimate"].value < numbers["energy_estimate"].value * 1000 / 3.6e6  # under 1 kg a kWh
    assert not asked
    assert not [*tmp_path.iterdir()]
    with pytest.raises(UsageError, match="ISO code"):
        evaluate(dense_models["llama"], repeats=1, extras=Extras(energy_country="XXX"))
