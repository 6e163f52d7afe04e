"""A model of the Hub by its name, against a server on loopback."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from pipeline.errors import UsageError
from pruning.models import resolve
from tests.hub_server import Fault, HubModel, HubServer

FILES = {"model.safetensors": (2).to_bytes(8, "little") + b"{}", "pytorch_model.bin": b"a pickle"}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)


def test_a_model_is_fetched_once_and_found_again_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([HubModel("a/b", {"model_type": "llama"}, files=FILES)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        found = resolve("a/b")
    assert found.name == "a/b"
    assert sorted(path.name for path in found.folder.iterdir()) == ["config.json", "model.safetensors"]
    assert resolve("a/b", offline=True) == found
    assert resolve("a/b") == found, "the Hub is away, the cache is not"


@pytest.mark.parametrize(
    ("fault", "words"), [("no_repository", "RepoNotFound"), ("gated", "GatedRepo"), ("too_many", "3600 s")]
)
def test_what_the_hub_refuses_is_said_in_its_words(fault: Fault, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([HubModel("a/b", {}, files=FILES, fault=fault)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with pytest.raises(UsageError, match=f"no model 'a/b'.* The Hub says: .*{words}"):
            resolve("a/b")


def test_a_model_of_pickles_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([HubModel("a/b", {}, files={"pytorch_model.bin": b"a pickle"})]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with pytest.raises(UsageError, match="pickles are never opened"):
            resolve("a/b")
