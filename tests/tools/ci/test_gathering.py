"""Parts of a matrix become one store; what cannot be read is told and left out."""

import json
import re
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import StoreError
from pipeline.progress import PlainProgress
from store import Store
from tests.tools.workflows.hostile import hostile_texts
from tools.ci.gathering import gather
from tools.ci.summary import Unfinished, summary, table, unfinished

INSERT = """
INSERT INTO experiments (run_id, experiment_key, model_id, source, revision, method, method_version, scope, ratio, seed,
    device, status, evaluation, seconds)
VALUES ($run, $key, 'a/b', 'hub', 'c', 'magnitude', 1, 'weight', 0.5, 0, 'cpu', $status, 'h', 1)
"""


def part(path: Path, **experiments: str) -> None:
    """Leave a store with a run of `prune` and the outcomes of experiments by key."""
    with Store.open(path) as store, store.run("prune", {}) as handle:
        for key, status in experiments.items():
            store.rows(INSERT, {"run": handle.run_id, "key": key, "status": status})


def test_every_part_once_and_a_broken_one_never(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part(tmp_path / "parts/pruned-1/arborist.duckdb", one="done")
    part(tmp_path / "parts/pruned-2/arborist.duckdb", two="failed")
    (tmp_path / "parts/pruned-3").mkdir()
    (tmp_path / "parts/pruned-3/arborist.duckdb").write_bytes(b"killed while it was uploaded")
    with Store.open(tmp_path / "whole.duckdb") as store:
        for _ in range(2):
            assert gather(store, tmp_path / "parts", PlainProgress()) == 1
            assert store.rows("SELECT experiment_key, status FROM experiments ORDER BY 1") == [
                ("one", "done"),
                ("two", "failed"),
            ]
        assert gather(store, tmp_path / "nothing-came", PlainProgress()) == 0
    assert "pruned-3" in capsys.readouterr().err


def test_a_store_that_is_full_ends_the_job(tmp_path: Path) -> None:
    """Handed on without what the parts have, it would be taken for all there is."""
    part(tmp_path / "parts/pruned-1/arborist.duckdb", **{f"key{number}": "done" for number in range(50)})
    with Store.open(None) as store:
        store.connection.execute("SET memory_limit = '1MB'")
        with pytest.raises(StoreError, match=r"pruned-1.*could not take it"):
            gather(store, tmp_path / "parts", PlainProgress())


READING = "SELECT content FROM read_text('{}')"
FOREIGN = {
    "a view that reads a file": f"DROP TABLE coverage CASCADE; CREATE VIEW coverage AS {READING}",
    "a view in the place of the runs": f"DROP TABLE runs CASCADE; CREATE VIEW runs AS {READING}",
    "a version that is a text": "DROP TABLE schema_version; CREATE TABLE schema_version AS SELECT 'x' AS version",
    "a version below all": "UPDATE schema_version SET version = -1",
    "a column more": "ALTER TABLE runs ADD COLUMN more INTEGER",
    "a table less": "DROP TABLE checks CASCADE",
    "a value that is none": "DROP TABLE coverage CASCADE; CREATE TABLE coverage AS SELECT NULL AS run_id",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_part_of_somebody_else_is_left_out(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret").write_text("the token")
    part(tmp_path / "parts/a/arborist.duckdb", one="done")
    part(tmp_path / "parts/b/arborist.duckdb", two="done")
    with duckdb.connect(str(tmp_path / "parts/a/arborist.duckdb")) as connection:
        connection.execute(FOREIGN[what].format(tmp_path / "secret"))
    with Store.open(tmp_path / "whole.duckdb") as store:
        assert gather(store, tmp_path / "parts", PlainProgress()) == 1
        assert store.rows("SELECT experiment_key FROM experiments") == [("two",)]
    errors = capsys.readouterr().err
    assert "the token" not in errors
    assert re.search("parts/a|schema version", errors)


def test_a_store_reads_nothing_but_itself(tmp_path: Path) -> None:
    """A view is a query that its file brings along, and the report asks views."""
    (tmp_path / "secret").write_text("the token")
    path = tmp_path / "store.duckdb"
    part(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE spare (content VARCHAR)")
        reading = f"SELECT content AS run_id FROM read_text('{tmp_path / 'secret'}')"
        connection.execute(f"CREATE OR REPLACE VIEW current_coverage AS {reading}")
        assert connection.sql("SELECT * FROM current_coverage").fetchall() == [("the token",)]
    with Store.open(path) as store:
        for words in ("SELECT * FROM current_coverage", f"COPY spare TO '{tmp_path}/made'", "INSTALL httpfs"):
            with pytest.raises(duckdb.PermissionException):
                store.rows(words)
        with pytest.raises(duckdb.InvalidInputException, match="external access"):
            store.rows("SET enable_external_access = true")


def matrix_file(folder: Path, **jobs: str) -> Path:
    path = folder / "matrix.json"
    path.write_text(json.dumps({"include": [{"name": name, "keys": keys} for name, keys in jobs.items()]}))
    return path


def test_jobs_that_left_something(tmp_path: Path) -> None:
    part(tmp_path / "store.duckdb", one="done", two="failed", three="refused")
    with Store.open(tmp_path / "store.duckdb") as store:
        asked = matrix_file(tmp_path, whole="one,two", half="three,four", none="five,six")
        assert unfinished(store, asked) == [Unfinished("half", 2, 1), Unfinished("none", 2, 2)]
        assert unfinished(store, tmp_path / "no-matrix.json") == []
        text = summary(store, "extract=success prune=failure redundancy=skipped", asked, tmp_path)
    assert text.startswith("## Failed: prune\n\n| Job | Result |\n| --- | --- |\n| extract | success |\n")
    assert "| half | 1 of 2 |\n| none | 2 of 2 |" in text
    assert "| experiments done | 1 |\n| experiments refused | 1 |\n| experiments failed | 1 |" in text
    assert "Least damage" not in text


def test_the_best_rows_of_the_report(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    heads = "model_id,scope,method,ratio,damage,damage_low,damage_high,n_windows,best_of_scope\n"
    rows = [
        "x,weight,w,0.5,1.23456,1.1,1.3,96,True",
        "y|z,head,h,0.25,1.01,1,1.02,96,True",
        "x,weight,m,0.5,1,1,1,96,False",
    ]
    (folder / "leaderboard.csv").write_text(heads + "\n".join(rows) + "\n")
    with Store.open(None) as store:
        text = summary(store, "prune=success report=success", tmp_path / "none", tmp_path)
        without = [
            summary(store, f"prune=success {word}", tmp_path / "none", tmp_path) for word in ("", "report=skipped")
        ]
    assert text.startswith("## All jobs went well\n")
    assert (
        "| y&#124;z | head | h | 0.25 | 1.01 | 1 | 1.02 | 96 |\n| x | weight | w | 0.5 | 1.235 | 1.1 | 1.3 | 96 |"
        in text
    )
    assert "The 2 best of 2 rows" in text
    assert not any("Least damage" in each for each in without), "the report of an earlier run is no result of this one"


def test_cells_are_plain_text(tmp_path: Path) -> None:
    for text in hostile_texts(tmp_path / "canary"):
        lines = table(("Head",), [(text,)]).splitlines()
        assert len(lines) == 3
        assert lines[2].count("|") == 2
        assert not lines[2].startswith("::")
