"""The command line: answers, and refusals before any work."""

from pathlib import Path

from typer.testing import CliRunner

from pruning.reference import REFERENCE_MODELS
from pruning.reference.cli import app
from pruning.reference.splits import split_documents


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_text_prints_the_documents_of_a_split() -> None:
    stream = split_documents("calibration")
    expected = [next(stream).text for _ in range(3)]
    assert run("text", "--split", "calibration", "--documents", "3") == (0, "\n".join(expected) + "\n")


def test_list_names_every_model() -> None:
    status, output = run("list")
    assert status == 0
    assert all(name in output for name in REFERENCE_MODELS)


def test_unknown_model_answers_with_near_matches() -> None:
    status, output = run("train", "lama")
    assert status == 2
    assert "Did you mean llama?" in output


def test_existing_folder_is_refused(tmp_path: Path) -> None:
    status, output = run("train", "llama", "--output", str(tmp_path))
    assert status == 2
    assert "--overwrite" in output


def test_unknown_split_is_refused() -> None:
    assert run("text", "--split", "test")[0] == 2
