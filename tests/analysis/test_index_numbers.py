"""Every number of the index is found again: of a query by its file in plain DuckDB, of a derived relation in its CSV.

What the index shows as digits and is no number of it, so that the walk leaves it out:

- the stamp: sources, and the newest run's id and time;
- ids of runs (`changes` and `growth` name them), which are names made of a time;
- text from outside: models, families, methods, revisions, tasks, reasons (names may hold digits);
- names of queries and files, and commands.
"""

import csv
import io
import json
import re
from typing import Any

import duckdb
import pytest
from markdown_it import MarkdownIt

from analysis.cited import NUMBERS_FILE
from analysis.numbers import FORMS
from analysis.relations import DERIVED
from analysis.section import QUERIES
from tests.analysis.conftest import Built

PARSER = MarkdownIt("commonmark").enable("table")
# A number with its sign and exponent; digits inside a word are none.
TOKEN = re.compile(r"(?<![\w.,/-])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]\d+)?(?![\w/-])")
RUN_ID = re.compile(r"\d{8}T\d{6}\.\d{6}-[0-9a-f]{6}")
NAMES = (
    "SELECT model_id FROM sightings UNION SELECT revision FROM sightings UNION SELECT task FROM sightings UNION "
    "SELECT family_id FROM families UNION SELECT method FROM experiments UNION SELECT reason FROM extractions UNION "
    "SELECT strategy FROM families"
)
Row = dict[str, Any]


def text_of(page: str) -> str:
    """Return what a reader sees below the stamp: no code, no links to queries and files."""
    below = page.split("\n## ", 1)[1]
    words: list[str] = []
    for token in PARSER.parse(f"## {below}"):
        inside = False
        for child in token.children or []:
            inside = (child.type == "link_open" and ".md#" in str(child.attrs["href"])) or inside
            if (child.type == "text" and not inside) or child.type == "image":
                words.append(child.content)
            if child.type == "link_close":
                inside = False
        words.append("\n")
    return "".join(words)


def tokens_of(page: str, names: list[str]) -> list[str]:
    """Return the numbers of a page in order."""
    text = RUN_ID.sub(" ", text_of(page))
    for name in sorted(names, key=len, reverse=True):
        if re.search(r"\d", name):
            text = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", " name ", text)
    return TOKEN.findall(text)


def listed_numbers(table: str) -> list[Row]:
    """Return the rows of the list of numbers; an apostrophe keeps a spreadsheet from running a minus."""
    return [{**row, "text": row["text"].removeprefix("'")} for row in csv.DictReader(io.StringIO(table))]


def rows_of(name: str, connection: duckdb.DuckDBPyConnection, files: dict[str, bytes]) -> list[Row]:
    """Return the rows of a relation, found without the code that wrote the report."""
    if name in DERIVED.names():
        return [*csv.DictReader(io.StringIO(files[f"csv_data/{name}.csv"].decode()))]
    cursor = connection.execute((QUERIES / f"{name}.sql").read_text(encoding="utf-8"))
    columns = [column[0] for column in cursor.description or []]
    return [dict(zip(columns, values, strict=True)) for values in cursor.fetchall()]


def fits(row: Row, key: Row) -> bool:
    return all(str(row[column]) == str(value) for column, value in key.items())


def problems(readme: str, table: str, connection: duckdb.DuckDBPyConnection, files: dict[str, bytes]) -> list[str]:
    """Return what is wrong with the numbers of an index: empty when each is listed, in order, and found again."""
    names = [name for (name,) in connection.execute(NAMES).fetchall() if name]
    listed = listed_numbers(table)
    shown = tokens_of(readme, names)
    wanted = [token for row in listed for token in TOKEN.findall(row["text"])]
    found = [f"{one} is shown where {two} is listed" for one, two in zip(shown, wanted, strict=False) if one != two]
    if len(shown) != len(wanted):
        found.append(f"{len(shown)} numbers are shown and {len(wanted)} listed")
    known = {name: rows_of(name, connection, files) for name in {row["query"] for row in listed}}
    return found + [problem for row in listed for problem in _not_found(row, known[row["query"]])]


def _not_found(listed: Row, rows: list[Row]) -> list[str]:
    matching = [row for row in rows if fits(row, json.loads(listed["key"]))]
    if len(matching) != 1:
        return [f"{len(matching)} rows of {listed['query']} have the key {listed['key']}"]
    value = float(matching[0][listed["column"]])
    if value != float(listed["value"]):
        return [f"{listed['query']}.{listed['column']} {listed['key']} is {value}, listed as {listed['value']}"]
    again = FORMS[listed["form"]](value)
    return [] if again == listed["text"] else [f"{value} is written {again}, listed as {listed['text']}"]


def checked(full: Built, readme: str | None = None, table: str | None = None) -> list[str]:
    return problems(
        readme or full.text("README.md"), table or full.text(NUMBERS_FILE), full.store.connection, full.files
    )


def test_every_number_of_the_index_is_found_again(full: Built) -> None:
    assert checked(full) == []
    listed = listed_numbers(full.text(NUMBERS_FILE))
    assert len(listed) > 200
    assert {row["query"] for row in listed} >= {"index_totals", "families", "outcomes", "proxy_totals", "growth"}
    assert {row["query"] for row in listed} >= {"constants", "best_by_scope", "scopes"}


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("**60 model revisions mined**", "**61 model revisions mined**"),
        ("4.48 x", "4.49 x"),
        ("| family2 | 10 |", "| family2 | 9 |"),
        ("n = 5 models", "n = models"),
        ("Every name", "Each of 7 names"),
        ("\\[4.43, 4.54\\]", "\\[4.44, 4.54\\]"),
    ],
)
def test_a_number_that_is_not_the_querys_is_noticed(was: str, becomes: str, full: Built) -> None:
    page = full.text("README.md").replace("## More", "## More\n\nEvery name")
    assert was in page
    assert checked(full, readme=page) == []
    assert checked(full, readme=page.replace(was, becomes, 1)) != []


def test_a_list_that_says_another_value_query_or_row_is_noticed(full: Built) -> None:
    lines = full.text(NUMBERS_FILE).splitlines(keepends=True)
    [place] = [index for index, line in enumerate(lines) if "n_structures,{}" in line]
    for was, becomes in ((",36,", ",37,"), ("n_structures", "n_extracted"), ("index_totals", "families")):
        changed = [*lines[:place], lines[place].replace(was, becomes), *lines[place + 1 :]]
        assert changed != lines
        with_error = "".join(changed)
        assert checked(full, table=with_error) != [], becomes


def test_a_store_that_says_another_number_is_noticed(full: Built) -> None:
    readme, table = full.text("README.md"), full.text(NUMBERS_FILE)
    with duckdb.connect(":memory:") as connection:
        for (name,) in full.store.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"):
            connection.register("copied", full.store.connection.sql(f"SELECT * FROM {name}").to_arrow_table())
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM copied")
        for (sql,) in full.store.rows("SELECT sql FROM duckdb_views() WHERE NOT internal ORDER BY view_oid"):
            connection.execute(sql)
        assert problems(readme, table, connection, full.files) == []
        connection.execute("DELETE FROM sightings WHERE model_id = 'type_03'")
        assert problems(readme, table, connection, full.files) != []


def test_sentences_and_tables_name_their_queries(full: Built) -> None:
    readme, trace = full.text("README.md"), full.text("reports/analyze.md").split("## Queries of the index")[1]
    cited = set(re.findall(r"\[([a-z_\\]+)\]\(reports/analyze\.md#queries-of-the-index\)", readme))
    listed = {row["query"] for row in listed_numbers(full.text(NUMBERS_FILE))}
    assert {name.replace("\\", "") for name in cited} == listed | {"headroom_by_scope"}, "no ratio is within the bound"
    for name in cited:
        assert f"| {name} |" in trace
