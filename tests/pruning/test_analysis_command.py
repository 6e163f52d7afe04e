"""`python -m pruning analyse`: kill -9 and Ctrl-C keep what is measured, the same again measures nothing, exports."""

import csv
from collections.abc import Iterator
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.progress import PlainProgress
from pipeline.registry import Registry
from pipeline.settings import load_settings
from pruning.analyses import ANALYSES, Subject, configurations
from pruning.analyses.answers import NAMED_QUERIES, analyses_command, query_command
from pruning.analyses.command import AnalyseOrder, analyse_command
from pruning.analyses.export import FINDINGS
from pruning.analyses.proxies import DAMAGES, SCORES
from pruning.analyses.storing import ENDINGS, FINISHED
from pruning.models import resolve
from store import Query, Store
from store.records import AnalysisRecord, RedundancyRecord
from tests.pruning import analysis_driver
from tests.pruning.toy_analyses import SEEING, TOY, ToyOptions, measure_toy

MEASURED = "SELECT * EXCLUDE (run_id) FROM redundancy ORDER BY ALL"
ENDS = "SELECT analysis, options, status, detail FROM current_analyses ORDER BY ALL"
QUERIES = [ENDINGS, FINISHED, FINDINGS, SCORES, DAMAGES, *(named.query for named in NAMED_QUERIES)]
DUCKDB_TYPES = {int: {"BIGINT", "INTEGER"}, float: {"DOUBLE"}}


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configurations, "ANALYSES", Registry("analysis", [TOY, SEEING, *ANALYSES]))


def analyse(folder: Path, store: Path, *names: str, output: Path | None = None, **options: str) -> None:
    flags = {"store": str(store), "calibration_windows": "2", "damage_windows": "2", "window_tokens": "32"}
    given = tuple(f"toy.{name}={value}" for name, value in options.items() if name != "max_minutes")
    settings = load_settings({**flags, "max_minutes": options.get("max_minutes")})
    analyse_command(AnalyseOrder(str(folder), names, None, given, output, None, None), settings, PlainProgress())


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with Store.open(path) as store:
        return store.rows(sql)


def test_killed_at_random_the_command_goes_on_and_ends_with_the_same_table(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    # The server that all tests share has torch loaded; its child may fork, which a process with threads may not.
    driver = get_context("forkserver").Process(
        target=analysis_driver.main, args=(str(checkpoints["llama"]), str(tmp_path), 1)
    )
    driver.start()
    driver.join(200)
    assert driver.exitcode == 0
    assert (tmp_path / "kills of undisturbed").read_text() == "0"
    assert int((tmp_path / "kills of killed").read_text()) >= 1
    wanted = rows(tmp_path / "undisturbed", MEASURED)
    assert rows(tmp_path / "killed", MEASURED) == wanted
    assert len(wanted) == len(set(wanted)) == 2 * (19 + 19)
    assert rows(tmp_path / "killed", ENDS) == rows(tmp_path / "undisturbed", ENDS)


def test_ctrl_c_keeps_what_is_measured_and_exports_it(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(subject: Subject, options: ToyOptions) -> Iterator[Any]:
        for number, piece in enumerate(measure_toy(subject, options)):
            if number == 2:
                raise KeyboardInterrupt
            yield piece

    interrupted = Registry("analysis", [TOY.__class__(**{**vars(TOY), "measure": stopped})])
    monkeypatch.setattr(configurations, "ANALYSES", interrupted)
    with pytest.raises(KeyboardInterrupt):
        analyse(checkpoints["llama"], tmp_path / "s", "toy", output=tmp_path / "out")
    assert rows(tmp_path / "s", "SELECT status, components, detail FROM analyses") == [
        ("partial", 2, "stopped by Ctrl-C")
    ]
    assert len((tmp_path / "out" / "toy.csv").read_text().splitlines()) == 1 + 2 * 2
    monkeypatch.setattr(configurations, "ANALYSES", Registry("analysis", [TOY]))
    analyse(checkpoints["llama"], tmp_path / "s", "toy")
    assert len(rows(tmp_path / "s", "SELECT DISTINCT component FROM redundancy")) == 6
    assert rows(tmp_path / "s", "SELECT status, components FROM analyses ORDER BY run_id") == [
        ("partial", 2),
        ("done", 4),
    ]


def test_out_of_time_is_partial_and_says_how_to_go_on(
    checkpoints: dict[str, Path], tmp_path: Path, toys: None, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "s"
    analyse(checkpoints["llama"], place, "toy", "seeing", count="3", pause="0.05", max_minutes="0.0005")
    assert "the same command goes on from there" in capsys.readouterr().out
    assert rows(place, "SELECT analysis, status, components FROM analyses") == [("toy", "partial", 1)]
    analyse(checkpoints["llama"], place, "toy", "seeing", count="3", pause="0.05")
    assert len(rows(place, "SELECT DISTINCT analysis, component FROM redundancy")) == 3 + 6


def test_the_same_again_measures_nothing_and_other_options_only_what_is_new(
    checkpoints: dict[str, Path], tmp_path: Path, toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "s"
    analyse(checkpoints["llama"], place, "toy", count="2")
    analyse(checkpoints["llama"], place, "toy", count="5")
    with monkeypatch.context() as patched:
        patched.setattr("pruning.models.load_model", lambda _: pytest.fail("nothing was to be loaded"))
        analyse(checkpoints["llama"], place, "toy", count="5")
    assert rows(place, "SELECT status, components FROM analyses ORDER BY run_id") == [("done", 2), ("done", 3)]
    assert len(rows(place, "SELECT DISTINCT analysis_key FROM redundancy")) == 1
    analyse(checkpoints["llama"], place, "toy", count="2", offset="1")
    assert len(rows(place, "SELECT DISTINCT analysis_key FROM redundancy")) == 2


def test_a_model_without_text_is_refused_where_text_is_read(
    checkpoints: dict[str, Path], tmp_path: Path, toys: None
) -> None:
    mute = tmp_path / "mute"
    mute.mkdir()
    for name in ("config.json", "model.safetensors"):
        (mute / name).write_bytes((checkpoints["gpt2"] / name).read_bytes())
    analyse(mute, tmp_path / "s", "toy", "seeing")
    found = rows(tmp_path / "s", "SELECT analysis, status, reason FROM analyses ORDER BY ALL")
    assert found == [("seeing", "refused", "unsupported"), ("toy", "done", None)]
    assert "--calibration" in rows(tmp_path / "s", "SELECT detail FROM analyses WHERE analysis = 'seeing'")[0][0]


def test_a_folder_is_named_and_revised_as_stage_1_does(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    from model_extract.sources import directory, reference
    from pruning.analyses.identity import identify

    [listed] = directory.listings(checkpoints["llama"].resolve())
    mine = identify(resolve(str(checkpoints["llama"])))
    assert (mine.model_id, mine.source) == (listed.model_id, listed.source)
    [listed] = [each for each in _reference_listings(reference) if each.model_id == "reference/gpt2"]
    mine = identify(resolve("gpt2"))
    assert (mine.model_id, mine.source, mine.revision) == (listed.model_id, listed.source, listed.revision)


def _reference_listings(reference: Any) -> list[Any]:
    return [listing for page in reference.list_pages(None, None) for listing in page.listings]


def test_csv_is_data_to_a_spreadsheet_and_pictures_come_with_it(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    hostile = tmp_path / "=cmd()"
    hostile.mkdir()
    for path in checkpoints["llama"].iterdir():
        (hostile / path.name).write_bytes(path.read_bytes())
    analyse(hostile, tmp_path / "s", "blocks", output=tmp_path / "new" / "out")
    with (tmp_path / "new" / "out" / "blocks.csv").open(newline="") as file:
        found = [*csv.DictReader(file)]
    assert {row["model_id"] for row in found} == {"'=cmd()"}
    measured = rows(tmp_path / "s", "SELECT component, measure, value FROM redundancy ORDER BY ALL")
    assert sorted((row["component"], row["measure"], float(row["value"])) for row in found) == measured
    names = {path.name for path in (tmp_path / "new" / "out").glob("*.png")}
    assert names == {"blocks-angular-last.png", "blocks-bi.png", "blocks-relative-magnitude.png"}
    with pytest.raises(UsageError, match="--output: expected a folder"):
        analyse(hostile, tmp_path / "s", "blocks", output=hostile / "config.json")


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.path.stem)
def test_a_query_gives_the_columns_of_its_row(query: Query[Any]) -> None:
    with Store.open(None) as store:
        parameters = {"keys": []} if "$keys" in query.sql() else None
        relation = store.connection.execute(query.sql(), parameters).description or []
    assert [column[0] for column in relation] == [field.name for field in fields(query.row)]
    assert query.sql().startswith("-- One row a")


def test_every_query_file_is_used() -> None:
    assert {query.path for query in QUERIES} == {*FINDINGS.path.parent.glob("*.sql")}


def measured(analysis: str, target: str, layer: int, value: float, **more: Any) -> RedundancyRecord:
    component = f"{target} of layer {layer} by {more.get('other_layer')}"
    base = RedundancyRecord(
        "r", "m", "1", analysis, 1, component, value, "nats per token", 0, analysis, "kl", None, target, layer, n=2
    )
    return RedundancyRecord(**{**vars(base), **more})


@pytest.fixture
def answered(tmp_path: Path) -> Path:
    path = tmp_path / "s"
    with Store.open(path) as store:
        for name in ("replacement", "ablation", "rank"):
            text = None if name == "rank" else "text"
            store.insert(
                [
                    AnalysisRecord(
                        "r", name, "directory", "m", "1", name, 1, text, "{}", "{}", 0, "cpu", "done", None, None, 1,
                        1.0, None,
                    )
                ]
            )  # fmt: skip
        store.insert(
            [
                measured("ablation", "mlp", 0, 0.5),
                measured("ablation", "mlp", 4, 0.75),
                measured("ablation", "mlp", 0, 9.0, measure="loss_increase"),
                measured("ablation", "head", 0, 7.0, head=1),
                measured("replacement", "mlp", 0, 2.0, other_layer=4),
                measured("replacement", "mlp", 4, 0.25, other_layer=0),
                measured("replacement", "attention", 4, 0.25, other_layer=0),
                measured("rank", "query", 0, 0.25, measure="relative_rank", x=0.9, variant="original"),
                measured("rank", "query", 4, 0.75, measure="relative_rank", x=0.9, variant="original"),
            ]
        )
    return path


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "replacement_minus_ablation",
            [("mlp", 0, 4, "kl", 2.0, 0.5, 1.5), ("mlp", 4, 0, "kl", 0.25, 0.75, -0.5)],
        ),
        ("rank_by_target", [("original", "query", 0.9, 2, 0.5, 0.25, 0.75)]),
        ("ablation_by_layer", [("mlp", 0, 0.0, 9.0, 0.5, None, 2), ("mlp", 4, 1.0, None, 0.75, None, 2)]),
        ("layer_distances", []),
    ],
)
def test_named_queries_on_a_store_whose_answers_are_known(
    answered: Path, tmp_path: Path, name: str, wanted: list[Any]
) -> None:
    with Store.open(answered) as store:
        found = store.fetch(NAMED_QUERIES[name].query)
    assert [tuple(vars(row).values())[2:] for row in found] == wanted
    query_command(name, tmp_path / "answer.csv", load_settings({"store": str(answered)}), PlainProgress())
    lines = (tmp_path / "answer.csv").read_text().splitlines()
    assert lines[0].split(",") == [field.name for field in fields(NAMED_QUERIES[name].row)]
    assert len(lines) == 1 + len(wanted)


def test_a_replacement_in_another_revision_is_not_compared(answered: Path) -> None:
    with Store.open(answered) as store:
        store.connection.execute("UPDATE redundancy SET revision = '2' WHERE analysis = 'ablation'")
        assert store.fetch(NAMED_QUERIES["replacement_minus_ablation"].query) == []


def test_a_query_that_nobody_knows(answered: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean rank_by_target"):
        query_command("rank_by_targets", None, load_settings({"store": str(answered)}), PlainProgress())


def test_what_there_is_is_listed_with_sources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pruning.analyses.answers.shipped", lambda: ())
    analyses_command(PlainProgress())
    said = capsys.readouterr().out
    for analysis in ANALYSES:
        assert analysis.name in said
        assert analysis.source[:20] in said
    for named in NAMED_QUERIES:
        assert f"query {named.name}: One row a" in said
