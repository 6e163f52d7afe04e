"""Checkpoints from outside that are broken in every way: a clear refusal, never a number, never a traceback."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from pipeline.errors import ArboristError, UsageError
from pruning.errors import UnsupportedModelError
from pruning.inputs import example_inputs
from pruning.models import load_model, resolve, stored_dtype
from pruning.texts import speaks_reference_language, text_for

WEIGHTS = "model.safetensors"
DEEP = "[" * 100_000


@pytest.fixture
def folder(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    shutil.copytree(checkpoints["llama"], tmp_path / "broken")
    return tmp_path / "broken"


def without_a_tensor(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    del weights["model.layers.1.mlp.down_proj.weight"]
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def with_a_narrow_tensor(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    weights["model.norm.weight"] = weights["model.norm.weight"][:-1].clone()
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def truncated(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def with_a_list_as_header(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((4).to_bytes(8, "little") + b"[1] ")


def with_an_empty_index(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "model.safetensors.index.json").write_text("{}", encoding="utf-8")


def with_a_deep_config(folder: Path) -> None:
    (folder / "config.json").write_text(DEEP, encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        without_a_tensor,
        with_a_narrow_tensor,
        truncated,
        with_a_list_as_header,
        with_an_empty_index,
        with_a_deep_config,
    ],
    ids=lambda damage: damage.__name__,
)
def test_what_is_not_whole_is_refused(
    damage: Callable[[Path], None], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    damage(folder)
    with pytest.raises(ArboristError, match="broken"):
        load_model(folder)
    assert capfd.readouterr() == ("", "")


def test_the_first_missing_tensor_is_named(folder: Path) -> None:
    without_a_tensor(folder)
    with pytest.raises(UnsupportedModelError, match=r"1 are missing .* 'model\.layers\.1\.mlp\.down_proj\.weight'"):
        load_model(folder)


def test_a_header_that_is_no_table_is_no_safetensors_file(folder: Path) -> None:
    with_a_list_as_header(folder)
    with pytest.raises(UsageError, match="no safetensors file"):
        stored_dtype(folder)


@pytest.mark.parametrize("context", [0, 4, -1, True])
def test_a_context_that_holds_no_document_means_no_text(folder: Path, context: int) -> None:
    assert text_for(folder, "evaluation", 2, 64) is not None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": context}), encoding="utf-8")
    found = text_for(folder, "evaluation", 2, 64)
    assert (found is None) == (context is not True)  # true is no number of tokens: the config names no limit


def test_a_byte_order_mark_is_accepted(folder: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes())
    assert speaks_reference_language(folder)
    assert text_for(folder, "evaluation", 2, 64) is not None


def test_a_tokenizer_too_deep_to_read_means_no_text(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(DEEP, encoding="utf-8")
    assert text_for(folder, "evaluation", 2, 64) is None


def test_a_config_of_a_billion_layers_is_refused_before_it_is_built(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for changed in ({"num_hidden_layers": 10**9}, {"text_config": {"num_hidden_layers": 10**9}}):
        (folder / "config.json").write_text(json.dumps(config | changed), encoding="utf-8")
        with pytest.raises(UnsupportedModelError, match="at most 10,000 as num_hidden_layers, got 1,000,000,000"):
            resolve(str(folder))


def test_a_model_without_a_context_has_no_input(folder: Path) -> None:
    model = load_model(folder)
    model.config.max_position_embeddings = 0
    with pytest.raises(UnsupportedModelError, match="a context of at least one token, got 0"):
        example_inputs(model)
