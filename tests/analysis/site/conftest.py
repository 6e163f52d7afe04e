"""The web page of a store with hostile names, and a browser that opens it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.exports.site import site_files
from analysis.section import Answers
from store import Store
from tests.analysis.synthetic_site import fill_site
from tools.browser import HOW, find_browser, is_required

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def site_store() -> Iterator[Store]:
    """A store with all stages done, a map and hostile names."""
    with Store.open(None) as store:
        fill_site(store)
        yield store


@pytest.fixture(scope="session")
def site(site_store: Store) -> Mapping[str, bytes]:
    """The files of the web page."""
    return site_files(Answers(site_store))


@pytest.fixture(scope="session")
def page_file(site: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page on disk."""
    path = tmp_path_factory.mktemp("report") / "index.html"
    path.write_bytes(site["site/index.html"])
    return path


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Headless Chromium."""
    executable = find_browser()
    if executable is None:
        (pytest.fail if is_required(os.environ) else pytest.skip)(HOW)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable)
        yield opened
        opened.close()
