"""Stores and reports that several tests read."""

from collections.abc import Iterator
from dataclasses import dataclass
from unittest.mock import patch

import pytest

from analysis.build import build_report
from analysis.figures.render import render_pictures
from analysis.section import Answers
from pipeline.progress import PlainProgress
from store import Store
from tests.analysis.synthetic import fill_all, fill_catalog
from tests.analysis.undrawn import draw_nothing


@dataclass(frozen=True)
class Built:
    """A store and the files of its report."""

    store: Store
    files: dict[str, bytes]

    def text(self, path: str) -> str:
        return self.files[path].decode()


@pytest.fixture(scope="session", autouse=True)
def undrawn() -> Iterator[None]:
    """No report draws its pictures, but where a test asks for it with `drawn`."""
    with patch("analysis.build.render_pictures", draw_nothing):
        yield


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports draw their pictures."""
    monkeypatch.setattr("analysis.build.render_pictures", render_pictures)


@pytest.fixture(scope="session")
def full(undrawn: None) -> Iterator[Built]:
    """A store with all stages done, and its report."""
    with Store.open(None) as store:
        fill_all(store)
        yield Built(store, build_report(Answers(store), PlainProgress()))


@pytest.fixture
def catalog_store() -> Iterator[Store]:
    """A store after stage extract."""
    with Store.open(None) as store:
        fill_catalog(store)
        yield store


@pytest.fixture
def empty_store() -> Iterator[Store]:
    """A store with tables and no rows."""
    with Store.open(None) as store:
        yield store
