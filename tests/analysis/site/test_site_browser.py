"""The web page in Chromium, from disk and without a network: sorting, filtering, hovering, looks, hostile names."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from analysis.leaderboard import leaderboard_rows
from analysis.section import Answers
from analysis.site.rows import SITE_MODELS
from store import Store
from tests.analysis.site.opened_page import FIND_MARK, Opened, is_dark, least_contrast
from tests.analysis.synthetic_site import HOSTILE_FAMILY, HOSTILE_MODEL, HOSTILE_TASK

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGE_ROWS = 20
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
Scheme = Literal["light", "dark"]
# WCAG 2.2, 1.4.3: normal text.
LEAST_CONTRAST = 4.5


@pytest.fixture(scope="module")
def opened(browser: "Browser", page_file: Path) -> Iterator[Opened]:
    """The page at desktop size, one for all tests; each leaves no filter behind.

    Every request but its own is refused, and no other and no complaint may come.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light", offline=True)
    context.route("**/*", lambda route: route.continue_() if route.request.url == page_file.as_uri() else route.abort())
    found = Opened(context.new_page(), page_file.as_uri())
    yield found
    assert found.requests == [page_file.as_uri()]
    assert found.complaints == []
    context.close()


def test_sorting_by_click_and_by_key(opened: Opened, site_store: Store) -> None:
    damages = sorted((row.damage for row in Answers(site_store).derive(leaderboard_rows)), reverse=True)
    head = opened.head("experiments", "Over dense")
    assert head.get_attribute("aria-sort") is None
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    shown = [float(text.split(" x")[0].replace(",", "")) for text in opened.column("experiments", 5)]
    assert shown == pytest.approx(damages[:PAGE_ROWS], rel=0.01)
    head.locator("button").focus()
    opened.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    shown = [float(text.split(" x")[0].replace(",", "")) for text in opened.column("experiments", 5)]
    assert shown == pytest.approx(damages[::-1][:PAGE_ROWS], rel=0.01)
    opened.head("experiments", "Method").locator("button").press("Space")
    assert head.get_attribute("aria-sort") is None
    assert opened.head("experiments", "Method").get_attribute("aria-sort") == "ascending"
    methods = opened.column("experiments", 2)
    assert methods == sorted(methods)


def test_what_is_missing_stands_last_either_way(opened: Opened) -> None:
    for _ in range(2):
        opened.head("leaderboard", "Random").locator("button").click()
        shown = opened.column("leaderboard", 6)
        assert 0 < shown.count("–") < len(shown)
        assert all(text == "–" for text in shown[-shown.count("–") :])


def test_filtering_by_text_and_by_choice(opened: Opened, site_store: Store) -> None:
    rows = site_store.fetch(SITE_MODELS)
    assert opened.count("models") == f"{len(rows)} rows"
    reference = [row for row in rows if row.source == "reference"]
    opened.filter("models", "REFERENCE text-gen")
    assert opened.count("models") == f"{len(reference)} of {len(rows)} rows"
    assert sorted(opened.column("models", 1)) == sorted(row.model_id for row in reference)
    opened.filter("models", "")
    failed = [row for row in rows if row.status == "failed"]
    outcome = opened.page.locator("[data-table=models]").get_by_label("Outcome")
    outcome.select_option("failed")
    assert 0 < len(failed) < len(rows)
    assert opened.count("models") == f"{len(failed)} of {len(rows)} rows"
    opened.filter("models", "nothing is called so")
    assert opened.count("models") == f"0 of {len(rows)} rows"
    opened.filter("models", "")
    outcome.select_option("")
    assert opened.count("models") == f"{len(rows)} rows"


def test_paging_shows_every_row_once(opened: Opened, site_store: Store) -> None:
    names = [row.model_id for row in site_store.fetch(SITE_MODELS)]
    pages = [names[first : first + PAGE_ROWS] for first in range(0, len(names), PAGE_ROWS)]
    following, previous = (
        opened.page.locator("[data-table=models] .pages button", has_text=text) for text in ("Next", "Previous")
    )
    assert previous.is_disabled()
    for number, page in enumerate(pages):
        assert opened.column("models", 1) == page
        assert following.is_enabled() == (number < len(pages) - 1)
        if number < len(pages) - 1:
            following.click()
    previous.click()
    assert opened.column("models", 1) == pages[-2]


@pytest.mark.parametrize(("chart", "said"), [("pareto", {"Model", "Method", "Windows"}), ("map", {"Task", "Models"})])
def test_hovering_over_a_mark_shows_its_numbers(chart: str, said: set[str], opened: Opened) -> None:
    canvas = opened.page.locator(f"[data-chart={chart}] canvas")
    canvas.scroll_into_view_if_needed()
    opened.page.mouse.move(*canvas.evaluate(FIND_MARK))
    tip = opened.page.locator("#tip")
    tip.wait_for(state="visible", timeout=5_000)
    assert said <= {*tip.locator("dt").all_inner_texts()}
    assert "undefined" not in tip.inner_text()
    opened.page.mouse.move(2, 2)
    tip.wait_for(state="hidden", timeout=5_000)


def test_the_wheel_over_the_map_scrolls_the_page(opened: Opened) -> None:
    canvas = opened.page.locator("[data-chart=map] canvas")
    canvas.scroll_into_view_if_needed()
    before = opened.page.evaluate("scrollY")
    canvas.hover()
    opened.page.mouse.wheel(0, -300)
    opened.page.wait_for_function("before => scrollY < before - 100", arg=before)


def test_choices_change_what_a_chart_draws(opened: Opened, site_store: Store) -> None:
    rows = Answers(site_store).derive(leaderboard_rows)
    place = opened.page.locator("[data-chart=pareto]")
    place.get_by_label("Shown").select_option(label="all")
    place.get_by_label("Model").select_option("ref-gpt2")
    place.get_by_label("Against").select_option(label="Latency")
    own = [row for row in rows if row.model_id == "ref-gpt2"]
    opened.page.wait_for_function(
        "count => document.querySelector('[data-chart=pareto] .drawing').dataset.points === count", arg=str(len(own))
    )
    assert place.locator(".count").inner_text() == f"{len(own)} of {len(rows)} marks"
    assert place.locator("canvas").count() == 1


def test_hostile_names_are_text(opened: Opened) -> None:
    for table, name in (("models", HOSTILE_MODEL), ("models", HOSTILE_TASK), ("families", "--><svg")):
        opened.filter(table, name)
        assert name in opened.page.locator(f"[data-table={table}] tbody").inner_text()
        opened.filter(table, "")
    assert HOSTILE_FAMILY.startswith("--><svg")
    assert "\\u2028\\u202ereversed" in opened.page.locator("[data-table=families] tbody").inner_text()
    assert "javascript:document" in opened.page.locator("[data-table=failures]").inner_text()
    assert opened.page.title().startswith("Arborist")
    assert opened.page.locator("main :is(img, svg, b, script, iframe)").count() == 0
    assert opened.page.locator("a[href^=javascript]").count() == 0


def test_the_policy_stops_what_is_not_the_page_own(browser: "Browser", page_file: Path) -> None:
    page = browser.new_page()
    page.goto(page_file.as_uri())
    answers = page.evaluate(
        """() => new Promise((done) => {
          const script = document.createElement("script");
          script.textContent = "window.hacked = true";
          document.body.append(script);
          const found = { script: window.hacked === true };
          document.addEventListener("securitypolicyviolation", (event) => { found[event.effectiveDirective] = true; });
          fetch("http://127.0.0.1:9/").catch(() => setTimeout(() => done(found), 50));
        })"""
    )
    assert answers == {"script": False, "script-src-elem": True, "connect-src": True}
    page.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_looks_at_both_widths(scheme: Scheme, size: str, browser: "Browser", page_file: Path) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    opened = Opened(context.new_page(), page_file.as_uri())
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert is_dark(page) == (scheme == "dark")
    assert page.locator("#theme").get_attribute("aria-pressed") == str(scheme == "dark").lower()
    assert least_contrast(page) >= LEAST_CONTRAST
    before = page.locator("[data-chart=pareto] canvas").evaluate("canvas => canvas.toDataURL()")
    page.locator("#theme").click()
    page.wait_for_function(
        "before => document.querySelector('[data-chart=pareto] canvas')?.toDataURL() !== before", arg=before
    )
    assert is_dark(page) == (scheme == "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.complaints == []
    context.close()
