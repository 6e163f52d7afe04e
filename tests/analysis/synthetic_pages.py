"""Heads, text and descriptions that the pages about models and methods show, with known numbers."""

from store import Store
from store.records import MethodRecord, SampleRecord
from tests.analysis.synthetic import METHODS, PRUNE_RUN, REFERENCES
from tests.analysis.synthetic_analyses import HEADS, LAYERS, insert_analysis

HEAD_MODEL = REFERENCES[0]


def head_importance(layer: int, head: int) -> float:
    """Return the importance of a head: the first of each layer has as much as the three others together."""
    return 3.0 + layer if head == 0 else 1.0 + layer / 3


def head_distance(layer: int, head: int) -> float:
    """Return the distance to the nearest head: two heads of the first layer are doubles."""
    return 0.01 if layer == 0 and head < 2 else 0.3


def fill_pages(store: Store) -> None:
    """Insert head numbers of one model, a second prompt and the methods' descriptions."""
    rows = [
        {"component": f"layer {layer} head {head}", "measure": measure, "value": value, "unit": "1", "target": "head",
         "layer": layer, "head": head, "n": 16}
        for layer in range(LAYERS)
        for head in range(HEADS)
        for measure, value in (("importance", head_importance(layer, head)),
                               ("nearest_distance", head_distance(layer, head)), ("entropy", 1.0 + layer))
    ]  # fmt: skip
    insert_analysis(store, PRUNE_RUN, HEAD_MODEL, "heads", rows)
    store.insert(
        [SampleRecord(PRUNE_RUN, f"{HEAD_MODEL}-dense-0.0", "a dog", "")],
        [
            MethodRecord(PRUNE_RUN, method, 1, scope, f"paper of {method}", method != "random", method == "random")
            for method, scope in METHODS.items()
            if method != "depth-last"
        ],
    )
