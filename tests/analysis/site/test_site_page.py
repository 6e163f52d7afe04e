"""The web page as bytes: one file, one policy, data that cannot be markup."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.build import build_report
from analysis.exports.site import site_files
from analysis.section import Answers
from analysis.site import tables
from analysis.site.charts import COSTS, map_specification, pareto_specification
from analysis.site.page import script_json
from analysis.site.tables import Interval, Linked, SiteColumn, SiteTable
from pipeline.progress import PlainProgress
from store import Store
from tests.analysis.synthetic_site import HOSTILE_MODEL

MOST_BYTES = 2_000_000


class Reader(HTMLParser):
    """Collects every start tag with its attributes, and the text of scripts and styles."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.inside = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.raw:
            self.inside = tag
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.raw[self.inside][-1] += data

    def data(self) -> Any:
        return json.loads(self.raw["script"][0])


def test_a_name_is_no_tag_and_an_address_is_of_the_report(site: Mapping[str, bytes]) -> None:
    reader = Reader(site["site/index.html"])
    assert {tag for tag, _ in reader.tags}.isdisjoint({"img", "svg", "b", "iframe", "object", "form", "base"})
    assert [attributes.get("type") for tag, attributes in reader.tags if tag == "script"] == [
        "application/json",
        None,
        None,
    ]
    for tag, attributes in reader.tags:
        assert "src" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        if "href" in attributes:
            assert re.fullmatch(r"#[a-z]+|\.\./[\w/.-]+|data:,", attributes["href"] or ""), attributes


def test_the_policy_names_the_scripts_and_the_style_and_nothing_else(site: Mapping[str, bytes]) -> None:
    reader = Reader(site["site/index.html"])
    [content] = [meta["content"] for tag, meta in reader.tags if meta.get("http-equiv") == "Content-Security-Policy"]
    policy = dict(rule.split(" ", 1) for rule in (content or "").split("; "))

    def sources(texts: list[str]) -> list[str]:
        return [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts]

    assert policy["default-src"] == "'none'"
    assert policy["script-src"].split() == sources(reader.raw["script"][1:])
    assert policy["style-src"].split() == sources(reader.raw["style"])
    assert {*policy} == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert policy["img-src"] == "data:"


def test_the_same_store_gives_the_same_bytes(site: Mapping[str, bytes], site_store: Store) -> None:
    pareto_specification.cache_clear()
    map_specification.cache_clear()
    assert site_files(Answers(site_store)) == site
    assert len(site["site/index.html"]) < MOST_BYTES


def test_what_the_page_leads_to_is_in_the_report(site_store: Store) -> None:
    files = build_report(Answers(site_store), PlainProgress())
    reader = Reader(files["site/index.html"])
    links = [attributes.get("href") or "" for _, attributes in reader.tags]
    targets = [link for link in links if link.startswith("../")]
    cells = [cell for table in reader.data()["tables"] for row in table["rows"] for cell in row]
    targets += [f"../{cell[1]}" for cell in cells if isinstance(cell, list) and isinstance(cell[1], str)]
    assert len(targets) > 5
    assert {target.removeprefix("../") for target in targets} <= {*files}


def test_an_empty_store_of_results_says_what_to_run(catalog_store: Store) -> None:
    page = site_files(Answers(catalog_store))["site/index.html"]
    assert [table["name"] for table in Reader(page).data()["tables"] if table["rows"]] == ["models", "failures"]
    assert b"run python run_pipeline.py --prune" in page


@given(st.recursive(st.text() | st.sampled_from(["</script>", "<!--", "]]>", "\u2028"]), st.lists, max_leaves=8))
def test_json_in_a_script_is_no_markup_and_comes_back(value: Any) -> None:
    written = script_json(value)
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == json.loads(json.dumps(value))


def test_a_table_is_capped_and_says_how_many_rows_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    found = SiteTable(
        "a", "A", "", (SiteColumn("x", "X", "count"),), tuple((index,) for index in range(5)), ""
    ).as_json()
    assert (found["rows"], found["total"]) == ([[0], [1], [2]], 5)


def test_cells_become_what_the_script_reads() -> None:
    cells = (
        Linked(HOSTILE_MODEL, "reports/models/a.md"),
        Linked("plain", None),
        Interval(1.23456789, 1.1, 1.3),
        Interval(2.0, None, None),
        Interval(float("inf"), None, None),
        float("nan"),
        "a\u2028b\u202ec",
        None,
    )
    found = SiteTable("a", "A", "", (), (cells,), "").as_json()["rows"][0]
    link, *others = found
    assert link == [HOSTILE_MODEL, "reports/models/a.md"]
    assert others == ["plain", [1.23457, 1.1, 1.3], 2.0, None, None, "a\\u2028b\\u202ec", None]


def test_charts_ask_only_for_columns_that_the_tables_have(site: Mapping[str, bytes]) -> None:
    data = Reader(site["site/index.html"]).data()
    columns = {table["name"]: {column["key"] for column in table["columns"]} for table in data["tables"]}
    columns["experiments"] |= {"damage_low", "damage_high", "least"}
    assert {chart["name"] for chart in data["charts"]} == {"pareto", "map"}
    for chart in data["charts"]:
        assert _fields(chart["choices"]) <= columns[chart["table"]]
    assert {cost.key for cost in COSTS} <= _fields(data["charts"])


def _fields(part: Any) -> set[str]:
    """Return every value of a key "field", wherever it stands."""
    if isinstance(part, list):
        return {name for item in part for name in _fields(item)}
    if not isinstance(part, dict):
        return set()
    own = {part["field"]} if isinstance(part.get("field"), str) else set()
    return own | {name for value in part.values() for name in _fields(value)}
