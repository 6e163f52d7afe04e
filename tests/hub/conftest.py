"""For all tests of the way to the Hub."""

from pathlib import Path

import httpx2
import pytest
from huggingface_hub import constants

CANARY = "hf_canary0123456789"

_TLS = httpx2.create_ssl_context()  # reading the certificates takes longer than most of the tests


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A token that must appear nowhere, a cache of the test's own, and no proxy."""
    monkeypatch.setenv("HF_TOKEN", CANARY)
    monkeypatch.setattr(httpx2, "create_ssl_context", lambda: _TLS)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(tmp_path / "harnesses.json"))
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
