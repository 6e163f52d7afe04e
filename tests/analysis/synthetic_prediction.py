"""Models and measured damage with a known rule, for tests of what predicts damage."""

import random
from dataclasses import replace
from math import exp

from analysis.prediction.models import ModelRow
from analysis.prediction.observations import STORE, Observation

METHODS = {"random": "weight", "magnitude": "weight", "depth-last": "layer", "depth-angular": "layer"}
RATIOS = (0.1, 0.25, 0.5)
STEEPNESS = {"random": 6.0, "magnitude": 1.5, "depth-last": 4.0, "depth-angular": 3.0}
# What a gated MLP adds to the steepness of weight methods, and nothing else does.
GATED = 2.0


def model(name: str = "m", **changes: object) -> ModelRow:
    """Return a measured causal language model of its own family."""
    row = ModelRow(
        "reference", name, "rev1", f"type-{name}", f"family-{name}", None, "text", True, 8, 48, 200_000, 6, None, False,
        True, True, "eval", "cpu", 4.2, 0.1, 0.1, 0.5, 0.9, 0.6, 0.03, 0.1,
    )  # fmt: skip
    return replace(row, **changes)  # pyright: ignore[reportArgumentType]


def models(count: int) -> list[ModelRow]:
    """Return models of as many families; every other one has a gated MLP, sizes and scores are drawn."""
    draw = random.Random(1)
    return [
        model(
            f"m{index:02}",
            gated_mlp=index % 2 == 0,
            n_layers=draw.choice((4, 6, 8, 12)),
            hidden_size=draw.choice((32, 48, 64)),
            angular_last=draw.uniform(0.05, 0.2),
            cka=draw.uniform(0.8, 1.0),
        )
        for index in range(count)
    ]


def log_damage(row: ModelRow, method: str, ratio: float, effect: float) -> float:
    """Return the planted damage; `effect` is how much a gated MLP matters for weight methods."""
    gated = effect * bool(row.gated_mlp) if METHODS[method] == "weight" else 0.0
    return ratio * (STEEPNESS[method] + gated)


def observed(rows: list[ModelRow], effect: float = GATED, noise: float = 0.01) -> list[Observation]:
    """Return every method at every ratio on every model; noise is a share of the damage, drawn by model and method."""
    draw = random.Random(2)
    return [
        Observation(
            row.family_id or row.model_id,
            STORE,
            row,
            scope,
            method,
            ratio,
            log_damage(row, method, ratio, effect) * exp(draw.gauss(0, noise)),
        )
        for row in rows
        for method, scope in METHODS.items()
        for ratio in RATIOS
    ]
