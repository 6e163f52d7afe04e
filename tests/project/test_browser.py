"""A missing browser is installed for root, an error under CI=true and a reason to skip elsewhere."""

from pathlib import Path

import pytest

from tools import browser


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine with apt-get and no browser; the list says what was installed."""
    found: list[str] = []
    _executable(tmp_path / "apt-get")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "install_browser", lambda: found.append("chromium"))
    return found


def _executable(path: Path) -> None:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


@pytest.mark.parametrize(("said", "code"), [("true", 1), ("false", 0), ("", 0)])
def test_a_missing_browser_fails_continuous_integration_alone(
    said: str, code: int, installed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", said)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert browser.main() == code
    assert installed == []
    assert "make browser" in capsys.readouterr().err


def test_root_installs_it_once(installed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert browser.main() == 1, "nothing came of it"
    assert installed == ["chromium"]
    _executable(tmp_path / "chromium")
    assert browser.find_browser() == tmp_path / "chromium"
    assert browser.main() == 0
    assert installed == ["chromium"]
