"""What families cost: `python -m benchmarks.bench_families [WHAT ...] [--rows N ...]`, WHAT among these.

    fingerprints  all levels and tokens of the built-in catalogue in a store, milliseconds a model
    views         how many models of that catalogue have the body and the tokens of a file with their tensors
    similarity    distinct synthetic signatures of 42 tokens -> similar pairs -> families, at each number of rows: three
                  runs with shuffled input and one or two threads, their results compared; recall against a plain sparse
                  product up to 100,000 rows; datasketch at 10,000 where it is installed (pip install datasketch==2.0.0)
    levels        exact levels of 2,000,000 model rows

Each measurement is a process of its own; peak memory is its greatest resident set. A bound that is missed ends with 1.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.synthetic_signatures import LENGTH, VOCABULARY, synthetic_rows
from pipeline.settings import ROOT

THRESHOLD = 0.85
SECONDS = {10_000: 2.0, 100_000: 20.0, 1_000_000: 300.0}
MOST_BYTES = 6e9
MOST_ROWS_EXACT = 100_000
LEAST_RECALL = 0.999
MOST_MILLISECONDS_A_MODEL = 2.0
LEVEL_ROWS = Path(__file__).with_name("level_rows.sql")
LEVEL_SECONDS = 10.0
DEFAULT_STORE = ROOT / "model_architecture" / "arborist.duckdb"
ROUNDS = 5


def families(count: int, seed: int, threads: int) -> dict[str, Any]:
    """Return seconds and a digest of the pairs and families of shuffled signatures; seed 0 saves the pairs."""
    import duckdb
    import numpy
    import pyarrow
    import scipy.sparse.csgraph

    from data_processing.grouping.clusters import cluster_plans, plan_pairs
    from data_processing.similarity.pairs import similar_pairs
    from data_processing.similarity.signatures import signatures_of

    _ = duckdb, pyarrow, scipy.sparse.csgraph  # what is imported on first use, before the clock starts
    rows = synthetic_rows(count)
    shuffled = numpy.random.default_rng(seed).permutation(count)
    offsets = numpy.arange(count + 1, dtype=numpy.int64) * LENGTH
    units = numpy.full(VOCABULARY, 16, dtype=numpy.int64)
    keys = numpy.random.default_rng(7).permutation(VOCABULARY).astype(numpy.uint64) * numpy.uint64(2**48 + 1)
    tokens = rows[shuffled].ravel()
    started = time.perf_counter()
    pairs = similar_pairs(signatures_of(offsets, tokens, units, keys), THRESHOLD, threads)
    numbers = shuffled.astype(numpy.int64)
    plans = plan_pairs(numbers[pairs.first], numbers[pairs.second], pairs.similarity)
    clusters = cluster_plans(count, plans)
    seconds = time.perf_counter() - started
    if seed == 0:
        numpy.savez(_pairs_file(count), first=plans.first, second=plans.second)
    digest = blake2b(digest_size=8)
    for array in (plans.first, plans.second, plans.similarity, clusters):
        digest.update(array.tobytes())
    return {
        "seconds": seconds,
        "pairs": len(plans),
        "families": len(numpy.unique(clusters)),
        "digest": digest.hexdigest(),
    }


def exact(count: int) -> dict[str, Any]:
    """Return recall and precision of the saved pairs against a product of sparse matrices in blocks."""
    import numpy
    import scipy.sparse

    rows = synthetic_rows(count)
    cells = (numpy.ones(rows.size, dtype=numpy.int16), rows.ravel(), numpy.arange(count + 1) * LENGTH)
    matrix = scipy.sparse.csr_matrix(cells, (count, VOCABULARY))
    columns = matrix.T.tocsr()
    # shared / (2 * 42 - shared) >= threshold, in integers
    fewest = next(shared for shared in range(LENGTH + 1) if shared >= THRESHOLD * (2 * LENGTH - shared))
    started = time.perf_counter()
    found: set[tuple[int, int]] = set()
    for start in range(0, count, 1000):
        block = (matrix[start : start + 1000] @ columns[:, start:]).tocoo()
        alike = block.data >= fewest
        pairs = zip((block.row[alike] + start).tolist(), (block.col[alike] + start).tolist(), strict=True)
        found.update((one, other) for one, other in pairs if one < other)
    saved = numpy.load(_pairs_file(count))
    ours = set(zip(saved["first"].tolist(), saved["second"].tolist(), strict=True))
    return {
        "seconds": time.perf_counter() - started,
        "pairs": len(found),
        "recall": len(ours & found) / len(found),
        "precision": len(ours & found) / len(ours),
    }


def datasketch_pairs(count: int) -> dict[str, Any]:
    """Return seconds of datasketch's MinHashLSH with as many bands, and of verifying its candidates."""
    import numpy

    from data_processing.similarity.minhash import bands_for

    datasketch: Any = import_module("datasketch")  # a peer, not among the dependencies
    bands = bands_for(THRESHOLD)
    rows: list[set[int]] = [set(row) for row in synthetic_rows(count).tolist()]
    started = time.perf_counter()
    index = datasketch.MinHashLSH(params=(bands.bands, bands.rows), num_perm=bands.values)
    hashes = list(
        datasketch.MinHash.bulk([[str(token).encode() for token in row] for row in rows], num_perm=bands.values)
    )
    with index.insertion_session() as session:
        for number, one in enumerate(hashes):
            session.insert(number, one)
    found = set()
    for number, one in enumerate(hashes):
        for other in index.query(one):
            if number < other and len(rows[number] & rows[other]) / len(rows[number] | rows[other]) >= THRESHOLD:
                found.add((number, other))
    seconds = time.perf_counter() - started
    saved = numpy.load(_pairs_file(count))
    ours = set(zip(saved["first"].tolist(), saved["second"].tolist(), strict=True))
    return {"seconds": seconds, "pairs": len(found), "of ours": len(found & ours) / len(ours)}


def fingerprints(store_path: Path) -> dict[str, Any]:
    """Return the milliseconds a model of the built-in catalogue, the best of some rounds."""
    from itertools import groupby

    from data_processing.corpus import MODULES, read_models
    from data_processing.trees import fingerprints as hashing
    from data_processing.trees.canonical import canonical_tree
    from data_processing.trees.tokens import token_bag
    from store import Store

    with Store.open(store_path, create=False) as store:
        builtin = [model for model in read_models(store) if model.source == "builtin"]
        wanted = {model.structure_id for model in builtin if model.structure_id is not None}
        rows = store.fetch(MODULES, structures=sorted(wanted))
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.structure_id)]
    best = {"tree": float("inf"), "hashes": float("inf"), "tokens": float("inf")}
    for _ in range(ROUNDS):
        hashing._digest.cache_clear()
        trees, best["tree"] = _timed(lambda: [canonical_tree(group) for group in groups], best["tree"])
        _, best["hashes"] = _timed(lambda: [hashing.fingerprints(tree) for tree in trees], best["hashes"])  # noqa: B023
        _, best["tokens"] = _timed(lambda: [token_bag(tree) for tree in trees], best["tokens"])  # noqa: B023
    milliseconds = {name: round(seconds / len(groups) * 1e3, 3) for name, seconds in best.items()}
    return {"models": len(groups), **milliseconds, "all": round(sum(milliseconds.values()), 3)}


def views(store_path: Path) -> dict[str, Any]:
    """Return how many built-in structures a file of their tensors meets by its body, and their similarity to it."""
    from data_processing.similarity.jaccard import overlap
    from data_processing.trees.canonical import ModuleRow, canonical_tree
    from data_processing.trees.structures import read_structure
    from model_extract.formats.tensors import Tensor
    from model_extract.tensor_tree import describe_tensors
    from store import Store
    from store.module_tables import FOLDED_MODULES, written_out

    same, similarities = 0, []
    with Store.open(store_path, create=False) as store:
        trees = _builtin_trees(store)
        # A module with shapes and without parameters of its own is tied to an earlier one: a file does not hold it.
        tied = "SELECT structure_id, path FROM modules WHERE n_parameters = 0 AND parameter_shapes <> '{}'"
        left_out = set(store.rows(tied))
        for structure_id, tree in trees.items():
            modules = store.fetch(FOLDED_MODULES, structure=structure_id)
            tensors = [
                Tensor(f"{name}.{parameter}".lstrip("."), "F32", tuple(shape))
                for name, module in written_out(modules)
                if (structure_id, module.path) not in left_out
                for parameter, shape in json.loads(module.parameter_shapes).items()
            ]
            read = describe_tensors(tensors, "header", {}).modules
            header = canonical_tree(
                ModuleRow("", place, row.path, row.parent, row.kind, row.parameter_shapes, row.repeats)
                for place, row in enumerate(read)
            )
            config, file = read_structure("config", tree), read_structure("file", header)
            same += config.hashes.body == file.hashes.body
            similarities.append(overlap(config.bag, file.bag).similarity)
    return {
        "structures": len(trees),
        "same body": same,
        "mean similarity": sum(similarities) / len(similarities),
        "least": min(similarities),
    }


def _builtin_trees(store: Any) -> dict[str, Any]:
    from data_processing.corpus import read_models, read_trees

    builtin = [model for model in read_models(store) if model.source == "builtin"]
    return read_trees(store, [model.structure_id for model in builtin if model.structure_id is not None])


def levels() -> dict[str, Any]:
    """Return the seconds that each exact level of two million models takes."""
    from data_processing.corpus import LEVELS
    from store import Store

    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "levels.duckdb") as store:
        store.connection.execute(LEVEL_ROWS.read_text(encoding="utf-8"))
        seconds = {}
        for level in ("exact", "layout", "plan"):
            started = time.perf_counter()
            largest = store.fetch(LEVELS, level=level, top=20)
            seconds[level] = round(time.perf_counter() - started, 2)
            assert len(largest) == 20
    return seconds


def _timed(call: Callable[[], Any], best: float) -> tuple[Any, float]:
    started = time.perf_counter()
    result = call()
    return result, min(best, time.perf_counter() - started)


def _pairs_file(count: int) -> Path:
    return Path(tempfile.gettempdir()) / f"arborist-pairs-{count}.npz"


_TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "families": lambda count, seed, threads: families(int(count), int(seed), int(threads)),
    "exact": lambda count: exact(int(count)),
    "datasketch": lambda count: datasketch_pairs(int(count)),
    "fingerprints": lambda path: fingerprints(Path(path)),
    "views": lambda path: views(Path(path)),
    "levels": levels,
}


def in_process(task: str, *arguments: object) -> dict[str, Any]:
    """Run a task in a process of its own and return what it measured, with its peak bytes."""
    command = [sys.executable, "-m", "benchmarks.bench_families", "--task", task, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {task} {' '.join(map(str, arguments))}: {_shown(found)}", flush=True)
    return found


def _shown(found: dict[str, Any]) -> str:
    shown = {**found, "peak": f"{found['peak'] / 1e9:.2f} GB"}
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items()
    )


def check_similarity(counts: list[int]) -> list[str]:
    """Measure each number of rows and return the bounds that are missed."""
    missed = []
    for count in counts:
        print(f"similarity, {count:,} signatures of {LENGTH} tokens, threshold {THRESHOLD}")
        runs = [in_process("families", count, seed, threads) for seed, threads in ((0, 2), (1, 1), (2, 2))]
        if runs[0]["seconds"] > SECONDS.get(count, float("inf")):
            missed.append(f"{count:,} rows took {runs[0]['seconds']:.1f} s, expected at most {SECONDS[count]:g} s")
        if max(run["peak"] for run in runs) > MOST_BYTES:
            missed.append(f"{count:,} rows took more than {MOST_BYTES / 1e9:g} GB")
        if len({run["digest"] for run in runs}) != 1:
            missed.append(f"{count:,} rows: three runs gave different results")
        if count <= MOST_ROWS_EXACT:
            compared = in_process("exact", count)
            if compared["recall"] < LEAST_RECALL or compared["precision"] < 1:
                missed.append(f"{count:,} rows: recall {compared['recall']:.5f}, precision {compared['precision']:.5f}")
        if count == min(SECONDS) and find_spec("datasketch") is not None:
            theirs = in_process("datasketch", count)
            print(f"  datasketch takes {theirs['seconds'] / runs[0]['seconds']:.1f} times as long")
    return missed


def main() -> None:
    """Run what was asked for; status 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["fingerprints", "views", "similarity", "levels"])
    parser.add_argument("--rows", type=int, nargs="+", default=list(SECONDS), help="numbers of signatures")
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="store with the built-in catalogue")
    asked = parser.parse_args()
    missed = []
    if "fingerprints" in asked.what:
        print("fingerprints of the built-in catalogue, milliseconds a model")
        if in_process("fingerprints", asked.store.resolve())["all"] > MOST_MILLISECONDS_A_MODEL:
            missed.append(f"fingerprinting took more than {MOST_MILLISECONDS_A_MODEL:g} ms a model")
    if "views" in asked.what:
        print("the two views of the built-in catalogue")
        in_process("views", asked.store.resolve())
    if "similarity" in asked.what:
        missed += check_similarity(asked.rows)
    if "levels" in asked.what:
        print("exact levels, seconds")
        found = in_process("levels")
        if max(found[level] for level in ("exact", "layout", "plan")) > LEVEL_SECONDS:
            missed.append(f"a level of two million models took more than {LEVEL_SECONDS:g} s")
    for text in missed:
        print(f"MISSED: {text}")
    sys.exit(bool(missed))


def run_task(name: str, arguments: list[str]) -> None:
    """Do one measurement in this process and print it as JSON."""
    found = _TASKS[name](*arguments)
    print(json.dumps({**found, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        run_task(sys.argv[2], sys.argv[3:])
    else:
        main()
