"""Coverage curve and map of the corpus: `python -m benchmarks.bench_representatives [STORE]`, with OMP_NUM_THREADS=1.

Times the curve of 5,000 families and the map of 600, 2,000 and 5,000 synthetic structures. With a store, compares ways
to draw its map: trustworthiness (Venna, Kaski 2001) and the share of each structure's ten nearest that stay among its
ten nearest. Ends with status 1 when the map of 600 structures takes longer than `MOST_SECONDS`.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from data_processing.choosing.coverage import Point, Site, coverage
from data_processing.corpus import ModelRow, read_models, read_trees
from data_processing.similarity.corpus_map import draw_map, landmarks
from data_processing.similarity.jaccard import overlap
from data_processing.trees.tokens import token_bag
from store import Store

MOST_SECONDS = 5.0
NEIGHBOURS = 10
_TOKENS = 42
_VOCABULARY = 3000


def synthetic_distances(count: int) -> numpy.ndarray:
    """Return Jaccard distances (count, count) of sets of 42 tokens, about twelve variants of each of some originals."""
    random = numpy.random.default_rng(0)
    originals = [random.choice(_VOCABULARY, _TOKENS, replace=False) for _ in range(max(1, count // 12))]
    presence = numpy.zeros((count, _VOCABULARY), numpy.float32)
    for row in presence:
        tokens = originals[random.integers(len(originals))].copy()
        changed = random.integers(0, _TOKENS // 2)
        tokens[random.choice(_TOKENS, changed, replace=False)] = random.choice(_VOCABULARY, changed)
        row[tokens] = 1
    sizes = presence.sum(axis=1)
    shared = presence @ presence.T
    return 1 - shared / (sizes[:, None] + sizes - shared)


def store_distances(path: Path) -> numpy.ndarray:
    """Return the distances (structures, structures) of a store's distinct token bags."""
    with Store.open(path, create=False) as store:
        trees = read_trees(store, {model.structure_id for model in read_models(store) if model.structure_id})
    bags = list({tuple(sorted(bag.items())): bag for bag in map(token_bag, trees.values())}.values())
    return numpy.array([[1 - overlap(one, other).similarity for other in bags] for one in bags])


def kept_neighbours(distances: numpy.ndarray, places: numpy.ndarray) -> float:
    """Return the share of the nearest on the map that are no farther than the tenth nearest structure."""
    away = ((places[:, None] - places) ** 2).sum(axis=2)
    apart = distances.copy()
    numpy.fill_diagonal(away, numpy.inf)
    numpy.fill_diagonal(apart, numpy.inf)
    near = numpy.argsort(away, axis=1, kind="stable")[:, :NEIGHBOURS]
    limit = numpy.sort(apart, axis=1)[:, NEIGHBOURS - 1 : NEIGHBOURS]
    return float((numpy.take_along_axis(apart, near, axis=1) <= limit + 1e-9).mean())


def our_map(distances: numpy.ndarray) -> numpy.ndarray:
    """Return the coordinates that the pipeline stores."""
    ids = [f"{row:06}" for row in range(len(distances))]
    return numpy.array(list(draw_map(ids, distances[: len(landmarks(ids))]).places.values()))


def ways_to_draw() -> dict[str, Callable[[numpy.ndarray], numpy.ndarray]]:
    """Return the maps that are compared."""
    from sklearn.manifold import MDS, TSNE, ClassicalMDS, Isomap, SpectralEmbedding

    def tsne(perplexity: float, steps: int) -> Callable[[numpy.ndarray], numpy.ndarray]:
        told: dict[str, Any] = {"metric": "precomputed", "init": "random", "random_state": 0}
        return TSNE(perplexity=perplexity, max_iter=steps, **told).fit_transform

    return {
        "ours": our_map,
        "classical scaling": ClassicalMDS(metric="precomputed").fit_transform,
        "SMACOF": MDS(metric="precomputed", n_init=1, init="classical_mds", random_state=0).fit_transform,
        "spectral": lambda apart: SpectralEmbedding(affinity="precomputed", random_state=0).fit_transform(1 - apart),
        "Isomap": Isomap(n_neighbors=NEIGHBOURS, metric="precomputed").fit_transform,
        **{f"t-SNE {perplexity}, 500 steps": tsne(perplexity, 500) for perplexity in (5, 10, 15, 30)},
        "t-SNE 15, 1000 steps": tsne(15, 1000),
    }


def print_map(name: str, draw: Callable[[numpy.ndarray], numpy.ndarray], distances: numpy.ndarray) -> float:
    """Print a map's quality; return the seconds that it took."""
    from sklearn.manifold import trustworthiness

    started = time.perf_counter()
    places = numpy.asarray(draw(distances.copy()), numpy.float64)  # t-SNE by its exact method changes what it is given
    seconds = time.perf_counter() - started
    trust = trustworthiness(distances, places, n_neighbors=NEIGHBOURS, metric="precomputed")
    print(f"{name:28} {seconds:6.2f} s  trustworthiness {trust:.3f}  kept {kept_neighbours(distances, places):.3f}")
    return seconds


def print_coverage(count: int) -> None:
    """Print how long the curve of as many families takes."""
    random = numpy.random.default_rng(1)
    plain = ModelRow("hub", "", "r", None, None, None, True, None, None, None, None)
    sites = [Site(f"{row:06}", plain) for row in range(count)]
    points = [Point(f"{row:06}", int(random.integers(1, 99)), int(random.integers(0, 10**6))) for row in range(count)]
    distances = synthetic_distances(count)
    for objective in ("k-medoids", "k-centre"):
        started = time.perf_counter()
        steps = coverage(sites, points, distances, objective)
        seconds = time.perf_counter() - started
        print(f"coverage, {objective}, {count:,} families {seconds:6.2f} s  {steps[-1].k} choices: {steps[-1].reason}")


def main() -> int:
    """Print all tables."""
    print_coverage(5000)
    seconds = {
        count: print_map(f"map of {count:,}", our_map, synthetic_distances(count)) for count in (600, 2000, 5000)
    }
    if len(sys.argv) > 1:
        distances = store_distances(Path(sys.argv[1]))
        print(f"{len(distances):,} structures of {sys.argv[1]}")
        for name, draw in ways_to_draw().items():
            print_map(name, draw, distances)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    return 0 if seconds[600] <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
