"""Text from files and datasets: packed as a plain loop packs it, never in both texts, no code of a dataset run."""

import json
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from pipeline.errors import UsageError
from pruning.__main__ import app
from pruning.errors import UnsupportedModelError
from pruning.models import load_tokenizer
from pruning.reference.splits import split_documents
from pruning.reference.vocabulary import TOKEN_IDS
from pruning.texts import Source, reference_text
from pruning.texts.choose import TextPlan, calibration_text, check_apart, evaluation_text, read_source
from pruning.texts.file import file_pieces

EOS_ID = 2
DOCUMENTS = [document.text for document in islice(split_documents("train"), 60)]
IDS = [[TOKEN_IDS[word] for word in document.split()] for document in DOCUMENTS]
SIZES = ("--evaluation-windows", "3", "--calibration-windows", "2", "--window-tokens", "20", "--latency-repeats", "1")


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def plan(calibration: str | None, evaluation: str | None, **changes: Any) -> TextPlan:
    """A plan for 3 windows of evaluation and 2 of calibration, 20 tokens each."""
    sources = (read_source("--calibration", calibration), read_source("--evaluation", evaluation))
    sizes: dict[str, Any] = {"calibration_windows": 2, "evaluation_windows": 3, "window_tokens": 20, **changes}
    return TextPlan(*sources, **sizes)


def cut(tokens: list[int], first: int, count: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(tokens[20 * place : 20 * place + 20]) for place in range(first, first + count))


@pytest.fixture
def base(checkpoints: dict[str, Path]) -> Path:
    return checkpoints["llama"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("\n".join(DOCUMENTS), encoding="utf-8")
    return tmp_path / "words.txt"


@pytest.fixture(params=["jsonl", "parquet", "txt"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The documents as a folder of each format, beside numbers; lines of text have one column of strings."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [{"number": number, "text": text} for number, text in enumerate(DOCUMENTS)]
    if request.param == "jsonl":
        (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    elif request.param == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "train.parquet")
    else:
        (folder / "train.txt").write_text("\n".join(DOCUMENTS))
    return folder


def test_a_stride_moves_the_windows_of_evaluation(base: Path, file: Path) -> None:
    tokens = [token for document in IDS for token in document]
    text = evaluation_text(base, plan(None, str(file), evaluation_stride=5))
    assert text
    assert text.windows == tuple(tuple(tokens[first : first + 20]) for first in (0, 5, 10))
    assert text.scored_tokens == (19, 5, 5)
    assert (text.stride, text.mask_token) == (5, None)
    plain = evaluation_text(base, plan(None, str(file)))
    assert plain
    assert plain.scored_tokens == (19, 19, 19)
    assert plain.text_hash != text.text_hash
    with pytest.raises(UsageError, match="expected 1 to the window's 20 tokens, got 21"):
        evaluation_text(base, plan(None, str(file), evaluation_stride=21))
    with pytest.raises(UsageError, match="whole documents"):
        evaluation_text(base, plan(None, "reference", evaluation_stride=5))


def test_a_file_is_packed_and_evaluation_has_its_first_part(base: Path, file: Path) -> None:
    tokens = [token for document in IDS for token in document]
    both = plan(str(file), str(file))
    evaluation, calibration = evaluation_text(base, both), calibration_text(base, both)
    assert evaluation
    assert calibration
    assert evaluation.windows == cut(tokens, 0, 3)
    assert calibration.windows == cut(tokens, 3, 2)
    assert len({evaluation.text_hash, calibration.text_hash}) == 2
    assert evaluation.floor_nats_per_token is None
    alone = calibration_text(base, plan(str(file), None))
    assert alone
    assert alone.windows == cut(tokens, 0, 2)
    assert calibration_text(base, plan(str(file), "reference")) == alone


def test_a_dataset_joins_its_documents_with_the_end_of_sequence(base: Path, dataset: Path) -> None:
    tokens = [token for document in IDS for token in (*document, EOS_ID)]
    both = plan(str(dataset), f"{dataset}:train")
    evaluation, calibration = evaluation_text(base, both), calibration_text(base, both)
    assert evaluation
    assert calibration
    assert (evaluation.windows, calibration.windows) == (cut(tokens, 0, 3), cut(tokens, 3, 2))
    assert evaluation_text(base, both) == evaluation
    with pytest.raises(UsageError, match="no split 'test'; it has train"):
        evaluation_text(base, plan(None, f"{dataset}:test"))


def test_pieces_of_a_file_are_the_file(tmp_path: Path) -> None:
    random = Random(0)
    text = "".join(random.choice("abcdé \n") for _ in range(200_000)) + "x" * 300_000
    (tmp_path / "long.txt").write_text(text, encoding="utf-8-sig")
    pieces = [*file_pieces(tmp_path / "long.txt").texts]
    assert "".join(pieces) == text
    assert len(pieces) > 3
    assert max(map(len, pieces)) <= 2 * 65_536


def test_what_is_too_short_says_how_much_there_is(base: Path, file: Path, tmp_path: Path) -> None:
    total = sum(map(len, IDS))
    with pytest.raises(UsageError, match=rf"expected 20,000 tokens \(1000 windows of 20\), got {total:,}"):
        evaluation_text(base, plan(None, str(file), evaluation_windows=1000))
    few = total // 20
    with pytest.raises(UsageError, match=rf"expected .* \(2 windows of 20 after {few} of evaluation\), got {total:,}"):
        calibration_text(base, plan(str(file), str(file), evaluation_windows=few))
    (tmp_path / "empty.txt").touch()
    with pytest.raises(UsageError, match="got 0"):
        evaluation_text(base, plan(None, str(tmp_path / "empty.txt")))
    (tmp_path / "binary.txt").write_bytes(b"\xff\x00\x80")
    with pytest.raises(UsageError, match="expected a text file in UTF-8"):
        evaluation_text(base, plan(None, str(tmp_path / "binary.txt")))


def test_the_same_text_under_two_names_is_refused(base: Path, file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_bytes(file.read_bytes())
    both = plan(str(copy), str(file))
    with pytest.raises(UsageError, match="must not overlap"):
        check_apart(calibration_text(base, both), evaluation_text(base, both))
    check_apart(reference_text("calibration", 4, 64), reference_text("evaluation", 4, 64))
    link = tmp_path / "link.txt"
    link.symlink_to(file)
    assert plan(str(link), str(file)).shared


def test_a_dataset_brings_no_code_and_no_pickles(base: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "data.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in DOCUMENTS))
    for name in ("evil.py", "dataset.py", "__init__.py", "conftest.py"):
        (evil / name).write_text(f"open({str(ran)!r}, 'w')")
    with pytest.raises(UsageError, match="cannot be read"):
        evaluation_text(base, plan(None, str(evil)))
    (evil / "evil.py").unlink()
    evaluation_text(base, plan(None, str(evil)))
    assert not ran.exists()
    tar = tmp_path / "tarred"
    tar.mkdir()
    (tar / "train.tar").write_bytes(b"")
    with pytest.raises(UsageError, match=r"expected text, json, csv, parquet, arrow files|cannot be read"):
        evaluation_text(base, plan(None, str(tar)))


def test_a_column_that_cannot_be_chosen_is_an_error_with_the_columns(base: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"question": "a", "answer": "b", "score": 1}))
    with pytest.raises(UsageError, match=r"it has question \(str\), answer \(str\), score \(int\)"):
        evaluation_text(base, plan(None, str(tmp_path)))


@pytest.mark.parametrize("given", ["nowhere.txt", "../up", "a/b/c/d", "plain", "-/-", "a/..", "/no/such/folder"])
def test_sources_that_are_none(given: str) -> None:
    with pytest.raises(UsageError, match="--evaluation: "):
        read_source("--evaluation", given)


def test_sources_of_the_hub() -> None:
    assert read_source("--evaluation", "allenai/c4/en:validation") == Source(
        "dataset", "allenai/c4", "en", "validation"
    )
    assert read_source("--evaluation", "someone/books") == Source("dataset", "someone/books", "", "train")
    assert read_source("--evaluation", "reference") == Source("reference")
    assert read_source("--evaluation", None) is None


def test_a_hub_that_does_not_answer(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match="without the Hub give a folder or a text file"):
        evaluation_text(base, plan(None, "nobody/nothing"))
    with pytest.raises(UsageError, match="--offline reads none of the Hub"):
        evaluation_text(base, plan(None, "nobody/nothing", offline=True))


def test_a_model_of_another_language_has_no_text_unless_a_source_is_named(
    base: Path, file: Path, tmp_path: Path
) -> None:
    for name in ("config.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((base / name).read_bytes())
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["another"] = len(TOKEN_IDS)
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert evaluation_text(tmp_path, plan(None, None)) is None
    with pytest.raises(UnsupportedModelError, match="no text for this model"):
        evaluation_text(tmp_path, plan(None, "reference"))
    assert evaluation_text(tmp_path, plan(None, str(file)))
    file.write_text("another " * 100)
    with pytest.raises(UnsupportedModelError, match="they do not belong together"):
        evaluation_text(tmp_path, plan(None, str(file)))


def test_a_tokenizer_that_cannot_be_read(base: Path, file: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((base / "config.json").read_bytes())
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UnsupportedModelError, match="cannot read its tokenizer"):
        load_tokenizer(tmp_path)
    with pytest.raises(UnsupportedModelError, match="cannot read its tokenizer"):
        evaluation_text(tmp_path, plan(None, str(file)))


def test_the_commands_say_which_text_they_used(base: Path, file: Path, tmp_path: Path) -> None:
    output = tmp_path / "pruned"
    flags = ("--calibration", file, "--evaluation", file, *SIZES)
    pruned = call("prune", base, "--method", "wanda", "--ratio", "0.5", "--output", output, *flags, "--json")
    assert pruned.exit_code == 0, pruned.stderr
    assert "evaluation reads the first 3 windows, calibration what follows" in pruned.stdout
    said = json.loads(pruned.stdout.splitlines()[-1])
    expected = {
        "calibration": calibration_text(base, plan(str(file), str(file))),
        "evaluation": evaluation_text(base, plan(str(file), str(file))),
    }
    assert said["texts"] == {role: text.text_hash for role, text in expected.items() if text}
    card = (output / "README.md").read_text()
    assert str(tmp_path) not in card  # a card is published
    assert all(f"- {role} text: `words.txt`" in card and found in card for role, found in said["texts"].items())
    measured = call("evaluate", output, "--evaluation", file, *SIZES[:2], *SIZES[4:], "--json")
    numbers = json.loads(measured.stdout.splitlines()[-1])["models"]["pruned"]
    assert numbers["perplexity"] == pytest.approx(said["after"]["perplexity"], rel=1e-6)
    assert "excess_loss" not in numbers
