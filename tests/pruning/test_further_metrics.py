"""--stride, --images, --tasks and --energy: what they add to the table, what is refused before a model is loaded."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from pruning import evaluate
from pruning.__main__ import app
from pruning.checkpoint import write_weights
from pruning.evaluation.observe import Extras
from pruning.evaluation.pairs import pair_accuracy, reference_pairs
from pruning.models import load_model, load_tokenizer
from pruning.pictures_folder import read_pictures
from pruning.reference.vocabulary import VOCABULARY
from pruning.texts import Text, reference_text
from pruning.texts.windows import sliding_windows
from tests.pruning.architectures import build_tiny

QUICK = ("--evaluation-windows", "4", "--latency-repeats", "1", "--json")


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def models(answer: Result) -> dict[str, dict[str, float]]:
    assert answer.exit_code == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])["models"]


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "text.txt"
    windows = reference_text("train", 8, 64).windows
    file.write_text(" ".join(VOCABULARY[token] for window in windows for token in window[1:] if token > 2))
    return file


def test_a_stride_scores_only_what_is_new(checkpoints: dict[str, Path], text_file: Path) -> None:
    folder = checkpoints["llama"]
    command = ("evaluate", folder, "--evaluation", text_file, "--window-tokens", "32", *QUICK)
    found = models(call(*command, "--stride", "8"))["llama"]
    assert (found["window"], found["stride"]) == (32, 8)
    tokenizer: Any = load_tokenizer(folder)
    ids = tokenizer(text_file.read_text(), add_special_tokens=False)["input_ids"]
    windows = sliding_windows(ids[: 32 + 3 * 8], 32, 8)
    slid = evaluate(load_model(folder), Text(windows, "", None, stride=8), repeats=1)
    assert found["perplexity"] == pytest.approx(slid["perplexity"].value, rel=1e-6)
    assert found["perplexity"] != models(call(*command))["llama"]["perplexity"]


def test_prune_takes_a_stride_too(checkpoints: dict[str, Path], text_file: Path, tmp_path: Path) -> None:
    answer = call(
        "prune", checkpoints["gpt2"], "--method", "magnitude", "--ratio", "0.5", "--output", tmp_path / "out",
        "--evaluation", text_file, "--window-tokens", "32", "--stride", "8", *QUICK,
    )  # fmt: skip
    assert answer.exit_code == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1])["after"]["stride"] == 8


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    drawn = numpy.random.default_rng(0)
    for name, mode in (("a.png", "RGB"), ("b.png", "L"), ("c.PNG", "RGBA")):
        depth = () if mode == "L" else (len(mode),)
        values = drawn.integers(0, 256, (9, 21, *depth), dtype=numpy.uint8)
        Image.fromarray(values).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("vision")
    model = build_tiny("vit")
    write_weights(model, folder / "dense", torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.05)
    write_weights(model, folder / "changed", torch.float32)
    return {name: folder / name for name in ("dense", "changed")}


def test_pictures_are_compared(vision: dict[str, Path], pictures: Path) -> None:
    answer = call("evaluate", vision["changed"], "--against", vision["dense"], "--images", pictures, *QUICK)
    found = models(answer)
    assert "images_cosine" not in found["dense"]
    model, dense = load_model(vision["changed"]), load_model(vision["dense"])
    files = [pictures / name for name in ("a.png", "b.png", "c.PNG")]
    seen = read_pictures(files, dense, vision["dense"])
    assert seen.shape == (3, 3, 16, 16)
    assert -1 <= float(seen.min()) < -0.5
    assert 0.5 < float(seen.max()) <= 1
    assert torch.equal(seen[1, 0], seen[1, 2])  # a grey picture has equal channels
    expected = evaluate(model, dense=dense, repeats=1, extras=Extras(images=seen))
    for name in ("images_cosine", "images_top1_agreement"):
        assert found["changed"][name] == pytest.approx(expected[name].value, rel=1e-6)


def test_a_picture_goes_through_the_models_processor(vision: dict[str, Path], pictures: Path, tmp_path: Path) -> None:
    processor = {
        "image_processor_type": "ViTImageProcessor", "do_resize": False, "do_rescale": True, "rescale_factor": 0.5,
        "do_normalize": True, "image_mean": [1.0, 2.0, 3.0], "image_std": [2.0, 2.0, 2.0],
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    seen = read_pictures([pictures / "a.png"], load_model(vision["dense"]), tmp_path)
    values = numpy.asarray(Image.open(pictures / "a.png"), dtype=numpy.float64)
    expected = (values * 0.5 - [1.0, 2.0, 3.0]) / 2
    assert numpy.allclose(seen[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stride", "8"], "--stride: expected --evaluation with a text file or a dataset"),
        (["--stride", "0", "--evaluation", "{text}"], "stride: expected 1 to the window's 128 tokens, got 0"),
        (["--stride", "129", "--evaluation", "{text}"], "stride: expected 1 to the window's 128 tokens, got 129"),
        (["--images", "{empty}", "--against", "no/model"], "--images: expected a folder with pictures"),
        (["--images", "{pictures}"], "name it with --against"),
        (["--tasks", "{empty}"], "tasks: expected a folder with files NAME.jsonl"),
        (["--energy", "Germany"], "3 letters, such as DEU, got 'Germany'"),
    ],
)
def test_bad_requests_end_before_a_model_is_looked_for(
    arguments: list[str], words: str, text_file: Path, pictures: Path, tmp_path: Path
) -> None:
    places = {"text": text_file, "pictures": pictures, "empty": tmp_path}
    if "--energy" in arguments:
        pytest.importorskip("codecarbon")
    answer = call("evaluate", "no/such-model", *(each.format(**places) for each in arguments))
    assert answer.exit_code == 2
    assert words in " ".join(answer.stderr.split())


def test_extras_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"sentence_good": "a", "sentence_bad": "b"}\n')
    for module, flag, value in (("tasks", "--tasks", str(tmp_path)), ("energy", "--energy", "DEU")):
        monkeypatch.setattr(f"pruning.evaluation.{module}.find_spec", lambda name: None)
        answer = call("evaluate", "no/such-model", flag, value)
        assert answer.exit_code == 2
        assert f"arborist[{module}]" in answer.stderr


def test_models_that_do_not_take_it(
    checkpoints: dict[str, Path], vision: dict[str, Path], pictures: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("pruning.evaluation.tasks.find_spec", lambda name: object())
    llama = checkpoints["llama"]
    for command, words in (
        (("evaluate", llama, "--against", llama, "--images", pictures), "expected a model that reads pictures alone"),
        (("evaluate", vision["dense"], "--tasks", "reference"), "does not speak the reference language"),
        (("prune", llama, "--method", "wanda", "--ratio", "0.5", "--output", tmp_path / "out", "--stream", "always",
          "--tasks", "reference"), "give --stream never"),
    ):  # fmt: skip
        answer = call(*command, *QUICK[:4])
        assert answer.exit_code == 2, command
        assert words in " ".join(answer.stderr.split())
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(Exception, match="is no picture that can be read"):
        read_pictures([broken], load_model(vision["dense"]), vision["dense"])


@pytest.mark.peer
@pytest.mark.filterwarnings("default")
def test_the_languages_pairs_are_a_task_and_energy_is_in_the_table(checkpoints: dict[str, Path]) -> None:
    pytest.importorskip("lm_eval")
    pytest.importorskip("codecarbon")
    folder = checkpoints["llama"]
    found = models(call("evaluate", folder, "--tasks", "reference", "--energy", "DEU", *QUICK))["llama"]
    expected = pair_accuracy(load_model(folder), reference_pairs(200)).value
    assert found["task:reference_pairs:acc"] == pytest.approx(expected, abs=1e-9)
    assert found["energy_estimate"] > 0
    assert found["co2_estimate"] > 0
    shown = call("evaluate", folder, "--tasks", "reference", *QUICK[:4]).stdout.splitlines()[-1].split()
    assert shown[:2] == ["task:reference_pairs:acc", "1"]
