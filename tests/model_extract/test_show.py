"""`python -m model_extract show MODEL`."""

import subprocess
import sys
from pathlib import Path

import pytest

from model_extract.show import find, lines
from pipeline.errors import UsageError
from pipeline.settings import ROOT, load_settings
from store import Store
from tests.model_extract.stage_runs import run_stage, settings_for, small_llamas, write_configs

SETTINGS = load_settings()


def test_a_stored_model_and_its_file_show_the_same_tree(tmp_path: Path) -> None:
    write_configs(tmp_path, {**small_llamas(2), "strange": {"model_type": "own"}})
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path))
        stored = list(lines(find("llama-001", store, SETTINGS)))
        failed = list(lines(find("strange", store, SETTINGS)))
    from_file = list(lines(find(str(tmp_path / "llama-001.json"), None, SETTINGS)))
    assert stored == from_file
    assert stored[0] == "llama-001: LlamaForCausalLM, 3,216 parameters"
    assert "      0-1 x2: LlamaDecoderLayer" in stored
    assert '    embed_tokens: Embedding {"weight": [10, 16]}' in stored
    assert failed[0].startswith("strange: skipped, unknown_type: ")


def test_a_registered_type_is_built_on_the_spot() -> None:
    shown = list(lines(find("albert", None, SETTINGS)))
    assert shown[0] == "albert: AlbertForMaskedLM, 206,368,944 parameters"


def test_an_unknown_name_answers_with_near_matches(tmp_path: Path) -> None:
    write_configs(tmp_path, small_llamas(1))
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path))
        with pytest.raises(UsageError, match="Did you mean llama-000"):
            find("lama-000", store, SETTINGS)
    with pytest.raises(UsageError, match="Did you mean bert"):
        find("bertt", None, SETTINGS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "no-such-model-at-all"], "unknown model 'no-such-model-at-all'"),
        (["run", "--source", "directory"], "expected --directory FOLDER"),
        (["run", "--source", "hup"], "Did you mean hub?"),
        (["run", "--limit", "0"], "--limit"),
    ],
)
def test_bad_usage_is_explained_and_exits_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "model_extract", *arguments, "--store", str(tmp_path / "store")]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (answer.returncode, words in answer.stderr) == (2, True), answer.stderr
