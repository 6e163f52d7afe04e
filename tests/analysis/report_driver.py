"""Builds the report of a shuffled copy of the synthetic store and prints the hash of every file as JSON.

Arguments: seed of the order of rows, DuckDB's threads. Pictures are not drawn.
"""

import json
import sys
from hashlib import blake2b
from unittest.mock import patch

import numpy

from analysis.build import build_report
from analysis.inputs import input_hash
from analysis.section import Answers
from benchmarks.large_store import fill_large
from pipeline.progress import PlainProgress
from store import Store
from tests.analysis.undrawn import draw_nothing

MODELS, PRUNED = 400, 6


def shuffled(original: Store, seed: int, threads: int) -> Store:
    """Return a copy whose rows stand in another order, read by so many threads."""
    draw = numpy.random.default_rng(seed)
    copy = Store.open(None)
    copy.connection.execute(f"SET threads = {threads}")
    for (table,) in original.rows("SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY table_name"):
        if table != "schema_version":
            rows = original.connection.sql(f"SELECT * FROM {table}").df()
            copy.connection.register("incoming", rows.iloc[draw.permutation(len(rows))])
            copy.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
            copy.connection.unregister("incoming")
    return copy


def main() -> None:
    """Print {path: hash}."""
    with Store.open(None) as store:
        fill_large(store, MODELS, PRUNED)
        with (
            shuffled(store, int(sys.argv[1]), int(sys.argv[2])) as copy,
            patch("analysis.build.render_pictures", draw_nothing),
        ):
            answers = Answers(copy)
            hashed = input_hash(answers)
            files = build_report(answers, PlainProgress())
    digests = {path: blake2b(content, digest_size=8).hexdigest() for path, content in files.items()}
    sys.stdout.write(json.dumps({"input": hashed, **digests}))


if __name__ == "__main__":
    main()
