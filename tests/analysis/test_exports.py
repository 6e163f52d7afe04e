"""Leaderboard and model cards, read back by other libraries."""

import csv
import io
import json
import math
import re
import shlex
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from analysis.exports import EXPORTS
from analysis.exports.cards import card_path
from analysis.exports.front_matter import LONGEST_VALUE, front_matter
from analysis.exports.leaderboard import MEANINGS, json_of, parquet_of
from analysis.leaderboard import LeaderboardRow, leaderboard_rows
from analysis.section import Answers
from pipeline.text import printable
from pruning.methods import METHODS as PRUNING_METHODS
from store import Store
from tests.analysis.conftest import Built
from tests.analysis.synthetic import METHODS, RATIOS, REFERENCES, damage_of

COUNT = len(REFERENCES) * len(METHODS) * len(RATIOS)


def rows_of(full: Built) -> list[LeaderboardRow]:
    return Answers(full.store).derive(leaderboard_rows)


def test_every_column_has_a_meaning_and_a_unit() -> None:
    assert [*MEANINGS] == [field.name for field in fields(LeaderboardRow)]


def test_json_holds_every_row_and_its_schema(full: Built) -> None:
    content = json.loads(full.files["exports/leaderboard.json"])
    assert content["rows"] == [asdict(row) for row in rows_of(full)]
    assert len(content["rows"]) == COUNT
    assert content["schema"]["latency_left"]["unit"] == "fraction"
    for row in content["rows"]:
        assert [*row] == [*content["schema"]]
        assert row["damage"] == pytest.approx(damage_of(row["method"], row["ratio"]))


def test_another_reader_of_parquet_finds_the_same_rows(full: Built, tmp_path: Path) -> None:
    file = tmp_path / "leaderboard.parquet"
    file.write_bytes(full.files["exports/leaderboard.parquet"])
    found = duckdb.connect().execute("SELECT * FROM read_parquet($path)", {"path": str(file)}).fetchall()
    assert found == [tuple(asdict(row).values()) for row in rows_of(full)]
    column = parquet.read_schema(file).field("bytes_left")
    assert column.metadata[b"unit"] == b"fraction"


def test_the_csv_holds_the_same_numbers(full: Built) -> None:
    found = [*csv.DictReader(io.StringIO(full.text("exports/leaderboard.csv")))]
    for read, row in zip(found, rows_of(full), strict=True):
        assert (read["model_id"], read["method"], float(read["damage"])) == (row.model_id, row.method, row.damage)
        assert (read["family_id"] or None) == row.family_id


def test_numbers_without_an_end_are_null_in_json_alone(full: Built, tmp_path: Path) -> None:
    row = replace(rows_of(full)[0], perplexity=math.inf, damage=math.nan)
    [read] = json.loads(json_of([row]))["rows"]
    assert (read["perplexity"], read["damage"]) == (None, None)
    table: Any = parquet.read_table(io.BytesIO(parquet_of([row])))
    assert table["perplexity"].to_pylist() == [math.inf]


def test_markup_in_json_is_escaped_and_reads_back(full: Built) -> None:
    row = replace(rows_of(full)[0], model_id="</script><b>&\u2028")
    text = json_of([row])
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text)["rows"][0]["model_id"] == row.model_id


def test_an_empty_leaderboard_gives_no_files(catalog_store: Store) -> None:
    paths = [path for export in EXPORTS for path in export.files(Answers(catalog_store))]
    assert sorted(paths) == ["exports/outcomes.csv", "site/index.html"]


def test_the_counts_of_outcomes_are_those_of_the_store(full: Built) -> None:
    found = [*csv.reader(io.StringIO(full.text("exports/outcomes.csv")))]
    counted = full.store.rows(
        "SELECT 'models', status, count(*) FROM current_extractions GROUP BY status "
        "UNION ALL SELECT 'experiments', status, count(*) FROM current_experiments GROUP BY status"
    )
    assert found[0] == ["what", "status", "count"]
    assert sorted(map(tuple, found[1:])) == sorted((what, status, str(count)) for what, status, count in counted)


def test_a_card_is_one_to_the_hubs_own_reader(full: Built) -> None:
    assert len([path for path in full.files if path.startswith("exports/cards/")]) == len(REFERENCES)
    card = ModelCard(full.text(f"{card_path('reference', 'ref-llama')}"))
    data: Any = card.data
    results = data.eval_results
    assert results and len(results) == 1 + len(METHODS) * len(RATIOS)
    values = {result.metric_name: result.metric_value for result in results}
    dense = values["Perplexity, dense"]
    for method in METHODS:
        assert values[f"Perplexity, {method} at ratio 0.5"] / dense == pytest.approx(damage_of(method, 0.5))
    assert data.tags == ["pruned", "arborist"]
    assert "base_model" not in data.to_dict(), "a model that is on no Hub is no repository there"


def test_a_card_of_a_model_of_the_hub_names_its_base_and_licence(full: Built) -> None:
    with Store.open(None) as store:
        for table in ("experiments", "metrics", "sightings"):
            store.connection.register("copied", full.store.connection.sql(f"SELECT * FROM {table}").to_arrow_table())
            store.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM copied")
            store.connection.unregister("copied")
        for table in ("experiments", "sightings"):
            store.connection.execute(
                f"UPDATE {table} SET source = 'hub', model_id = 'owner/llama' WHERE model_id = 'ref-llama'"
            )
        store.connection.execute("UPDATE sightings SET license = 'mit'")
        [export] = [export for export in EXPORTS if export.name == "cards"]
        card = ModelCard(export.files(Answers(store))[card_path("hub", "owner/llama")].decode())
    data: Any = card.data
    assert (data.license, data.base_model) == ("mit", "owner/llama")
    assert "`python -m pruning prune owner/llama --method magnitude --ratio 0.5 --output pruned`" in card.text


def test_the_commands_of_a_card_name_methods_that_there_are(full: Built) -> None:
    commands = re.findall(r"`(python -m pruning prune [^`]*)`", full.text(card_path("reference", "ref-llama")))
    assert len(commands) == len({*METHODS.values()})
    for command in commands:
        words = shlex.split(command)
        assert PRUNING_METHODS[words[words.index("--method") + 1]].scope in METHODS.values()
        assert words[4] == "ref-llama"


@given(st.text(max_size=400), st.floats(allow_nan=False))
def test_front_matter_reads_back_and_holds_no_markup(text: str, number: float) -> None:
    written = front_matter({"name": text, "list": [{"value": number, "again": text}], "none": None})
    head, body, tail = written.split("---\n")
    shown = printable(text.encode("utf-8", "backslashreplace").decode(), LONGEST_VALUE)
    assert (head, tail) == ("", "")
    assert yaml.safe_load(body) == {"name": shown, "list": [{"value": number, "again": shown}]}
    assert body.isascii() and not re.search(r"[<>@|`*!]|://|(?i:www\.)", body)
