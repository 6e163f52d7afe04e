"""What the redundancy analyses would have found in the synthetic models, by formulas that tests use again."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from store import Store
from store.records import AnalysisRecord, ProxyRecord, RedundancyRecord

RUN = "20261101T100000.000000-cccccc"
LAYERS = 8
HEADS = 4
WINDOWS = 16
# How much of a layer's damage a part of it does.
SHARES = {"layer": 1.0, "attention": 0.4, "mlp": 0.7}
ROLES = ("query", "key", "value", "output", "up", "down")
# Pooled correlation with KL; half of it with the loss increase.
PROXIES = {
    "layer": {"angular-last": 0.7, "bi": 0.75, "1 - CKA": 0.6, "relative-magnitude": 0.3, "effective rank": -0.5},
    "attention": {"effective rank": 0.1, "weight norm": -0.15},
    "mlp": {"effective rank": 0.2, "weight norm": 0.45, "mean |weight|": 0.4},
    "head": {"head importance": 0.8, "distance to next head": 0.05, "attention focus": -0.3},
}


def fill_analyses(store: Store, models: tuple[str, ...]) -> None:
    """Insert the numbers of every analysis that the report shows."""
    for position, model in enumerate(models):
        for analysis, rows in _rows(model, position):
            insert_analysis(store, RUN, model, analysis, rows)
    store.insert(proxies_of(models))


def insert_analysis(
    store: Store, run_id: str, model: str, analysis: str, rows: Iterable[dict[str, Any]], revision: str = "rev1"
) -> None:
    """Insert one finished analysis; a row has the columns of `redundancy` that say what it is about."""
    key = f"{model}-{revision}-{analysis}"
    numbers = [RedundancyRecord(run_id, model, revision, analysis, 1, seed=0, analysis_key=key, **row) for row in rows]
    outcome = AnalysisRecord(
        run_id, key, "reference", model, revision, analysis, 1, "text", "{}", "{}", 0, "cpu", "done", None, None,
        len(numbers), 1.0, "abc123",
    )  # fmt: skip
    store.insert([outcome], numbers)


def ablation_kl(position: int, target: str, layer: int) -> float:
    """Return the KL of taking a part of a layer out; layer 0 ruins the model, one layer does nothing."""
    if layer == position:
        return 0.0
    return SHARES[target] * (6.0 if layer == 0 else 0.05 * (1 + abs(layer - 4)) * (1 + position / 5))


def replacement_kl(position: int, target: str, layer: int, copied: int) -> float:
    """Return the KL of a copy: near copies are better than nothing, and in the last model all are."""
    slope = 0.02 if position == 4 else 0.15
    return ablation_kl(position, target, layer) * (0.6 + slope * abs(layer - copied)) + 0.001


def cka(low: int, high: int) -> float:
    """Return the likeness of two states."""
    return 1 - 0.06 * abs(high - low)


def effective_rank(position: int, role: str, layer: int) -> float:
    """Return the effective rank over the full one."""
    return 0.951 - 0.05 * ROLES.index(role) - 0.01 * layer - 0.02 * position


def block_distance(start: int, size: int) -> float:
    """Return the angular distance across a block of layers."""
    return 0.05 * size + 0.02 * abs(start + size / 2 - 5)


def block_row(start: int, size: int, value: float) -> dict[str, Any]:
    """Return the row of one block of layers."""
    last = start + size - 1
    return {
        "component": f"layers {start}-{last}", "measure": "angular-last", "value": value, "unit": "fraction of pi",
        "target": "layer", "layer": start, "other_layer": last, "n": WINDOWS,
    }  # fmt: skip


def proxies_of(models: tuple[str, ...]) -> list[ProxyRecord]:
    """Return comparisons with known numbers: the models lie around the pooled one, whose interval is +- .25."""
    return [
        record
        for target, scores in PROXIES.items()
        for score, rho in scores.items()
        for truth, share in (("kl", 1.0), ("loss_increase", 0.5))
        for record in _proxy(models, target, score, truth, share * rho)
    ]


def _proxy(models: tuple[str, ...], target: str, score: str, truth: str, rho: float) -> Iterator[ProxyRecord]:
    n = LAYERS * (HEADS if target == "head" else 1)
    for position, model in enumerate(models):
        own = rho + 0.08 * (position - 2)
        yield ProxyRecord(RUN, "reference", model, target, score, truth, own, own - 0.4, min(1.0, own + 0.4), n, 1)
    yield ProxyRecord(
        RUN, None, None, target, score, truth, rho, rho - 0.25, min(1.0, rho + 0.25), n * len(models), len(models)
    )


def _rows(model: str, position: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield (
        "blocks",
        [
            block_row(start, size, block_distance(start, size))
            for size in range(1, LAYERS)
            for start in range(LAYERS - size + 1)
        ],
    )
    yield "ablation", [*_ablations(position)]
    yield "replacement", [*_replacements(position)]
    yield "cka", [
        {"component": f"states {low} and {high}", "measure": "cka", "value": cka(low, high), "unit": "1",
         "layer": low, "other_layer": high, "n": WINDOWS}
        for low, high in product(range(LAYERS + 1), repeat=2) if low <= high
    ]  # fmt: skip
    yield "rank", [
        {"component": f"original layers.{layer}.{role}", "measure": measure, "value": value, "unit": "1",
         "variant": variant, "target": role, "layer": layer}
        for layer, role in product(range(LAYERS), ROLES)
        for measure, variant, value in (
            ("relative_effective_rank", "original", effective_rank(position, role, layer)),
            ("relative_effective_rank", "mean", 0.01),
            ("stable_rank", "original", 3.0),
        )
    ]  # fmt: skip


def _ablations(position: int) -> Iterator[dict[str, Any]]:
    yield {"component": "dense", "measure": "perplexity", "value": 8.0, "unit": "1", "n": WINDOWS}
    for target, layer in product(SHARES, range(LAYERS)):
        kl = ablation_kl(position, target, layer)
        yield from _damage(f"layer {layer} {target}", kl, target=target, layer=layer)
    for layer, head in product(range(LAYERS), range(HEADS)):
        kl = ablation_kl(position, "attention", layer) * (1 + head) / 8
        yield from _damage(f"layer {layer} head {head}", kl, target="head", layer=layer, head=head)
    for layer in range(LAYERS):
        yield from _damage(f"layer {layer} query", 0.5, target="query", layer=layer)


def _replacements(position: int) -> Iterator[dict[str, Any]]:
    for target, layer, copied in product(SHARES, range(LAYERS), range(LAYERS)):
        if layer != copied:
            kl = replacement_kl(position, target, layer, copied)
            yield from _damage(
                f"{target} of layer {layer} by {copied}", kl, target=target, layer=layer, other_layer=copied
            )
    yield from _damage("mlp of all layers by 5", 9.0, target="mlp", other_layer=5)


def _damage(component: str, kl: float, **about: Any) -> Iterator[dict[str, Any]]:
    shared = {"component": component, "unit": "nats per token", "n": WINDOWS, **about}
    yield {"measure": "kl", "value": kl, **shared}
    yield {"measure": "loss_increase", "value": 0.9 * kl - 0.001, **shared}
