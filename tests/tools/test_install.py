"""What a lock file names and the interpreter has not."""

from importlib.metadata import version
from pathlib import Path

import pytest

from tools import install


def test_what_is_missing_or_of_another_version(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    here = version("pytest")
    lock.write_text(f"# a comment\npytest=={here}\npytest=={here}.1  # another\nno-such-thing==1.0\n\n")
    assert install.missing(lock) == [f"pytest=={here}.1", "no-such-thing==1.0"]


def test_a_local_build_counts_as_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.lock").write_text("torch==2.13.0\n")
    monkeypatch.setattr(install, "version", lambda name: "2.13.0+cu130")
    assert install.missing(tmp_path / "a.lock") == []


def test_nothing_is_started_where_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.subprocess, "run", None)
    assert install.main([]) == 0
