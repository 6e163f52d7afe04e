"""What the store knows of a model before it is pruned, counted again."""

from collections.abc import Iterator
from typing import Any

import pytest

from analysis.comparison import DAMAGE
from analysis.prediction.models import METHOD_VERSIONS, MODEL_FEATURES, TYPE_FAMILIES, ModelRow
from store import Store
from store.records import ModuleRecord, TraitRecord
from tests.analysis.conftest import Built
from tests.analysis.synthetic import METHODS, REFERENCES, fill_all
from tests.analysis.synthetic_analyses import insert_analysis

TRAITS = {
    "modality": "text",
    "causal": "true",
    "attention_heads": "6",
    "kv_group_ratio": "2",
    "position": "rotary",
    "norm": "layer",
}
LATER_RUN = "20261102T100000.000000-dddddd"


def number(measure: str, value: float, **about: Any) -> dict[str, Any]:
    return {"component": f"{measure} {value} {about}", "measure": measure, "value": value, "unit": "1", **about}


# Beside each pair of numbers that count stands one of a larger block, another part or another form.
ANALYSES: dict[str, list[dict[str, Any]]] = {
    "blocks": [
        number(measure, value, layer=layer, other_layer=last)
        for measure, factor in (("angular-last", 1), ("bi", 10))
        for value, layer, last in ((0.1 * factor, 0, 0), (0.3 * factor, 1, 1), (9.0, 0, 1))
    ],
    "states": [
        number("relative_difference", value, layer=layer, other_layer=other)
        for value, layer, other in ((0.5, 0, 1), (0.7, 1, 2), (9.0, 0, 2))
    ],
    "cka": [
        number("cka", value, layer=layer, other_layer=other)
        for value, layer, other in ((0.8, 0, 1), (0.9, 1, 2), (0.0, 0, 2), (1.0, 1, 1))
    ],
    "rank": [
        number("relative_effective_rank", value, variant=variant, target="query", layer=0)
        for value, variant in ((0.4, "original"), (0.5, "original"), (9.0, "heads"))
    ],
    "weights": [
        number("mean_absolute", value, target=target, layer=0)
        for value, target in ((0.02, "layer"), (0.03, "layer"), (9.0, "mlp"))
    ],
    "heads": [number("nearest_distance", value, target="head", layer=0, head=0) for value in (0.1, 0.4)]
    + [number("distance", 9.0, target="head", layer=0, head=0)],
}
SCORES = {
    "angular_last": 0.2,
    "block_influence": 2.0,
    "relative_difference": 0.6,
    "cka": 0.85,
    "effective_rank": 0.45,
    "mean_weight": 0.025,
    "head_distance": 0.25,
}


@pytest.fixture(scope="module")
def told() -> Iterator[Store]:
    """A store in which one reference model has traits and a gated MLP."""
    with Store.open(None) as store:
        fill_all(store)
        structure = structure_of(store, "ref-llama")
        store.insert(
            [TraitRecord(structure, name, value) for name, value in TRAITS.items()],
            [
                ModuleRecord(
                    structure, 99, "layers.0-3.mlp.gate_proj", None, 3, "layers", "Linear", "Linear", 1, "{}", 1
                )
            ],
        )
        store.connection.execute("DELETE FROM redundancy WHERE model_id = 'ref-llama'")
        for analysis, rows in ANALYSES.items():
            insert_analysis(store, LATER_RUN, "ref-llama", analysis, rows)
        yield store


def structure_of(store: Store, model: str) -> str:
    [(structure,)] = store.rows("SELECT structure_id FROM extractions WHERE model_id = $model", {"model": model})
    return structure


def row_of(store: Store, model: str) -> ModelRow:
    [row] = [row for row in store.fetch(MODEL_FEATURES) if row.model_id == model]
    return row


def test_measured_models_and_first_choices_of_families_are_there_once(full: Built) -> None:
    rows = full.store.fetch(MODEL_FEATURES)
    chosen = {model for (model,) in full.store.rows("SELECT model_id FROM representatives WHERE rank = 1")}
    assert sorted(row.model_id for row in rows) == sorted({*REFERENCES, *chosen})
    assert {row.model_id for row in rows if row.dense_perplexity is not None} == set(REFERENCES)
    assert {(row.source, row.model_id) for row in full.store.fetch(DAMAGE)} <= {(r.source, r.model_id) for r in rows}


def test_traits_and_gates_are_those_of_the_structure(told: Store) -> None:
    row = row_of(told, "ref-llama")
    assert (row.modality, row.causal, row.attention_heads, row.queries_a_key) == ("text", True, 6, 2.0)
    assert (row.gated_mlp, row.rotary, row.rms_norm) == (True, True, False)
    other = row_of(told, "ref-opt")
    assert (other.modality, other.causal, other.rotary, other.gated_mlp) == (None, None, None, False)


def test_scores_are_means_over_the_parts_of_the_dense_model(told: Store) -> None:
    row = row_of(told, "ref-llama")
    assert {name: getattr(row, name) for name in SCORES} == pytest.approx(SCORES)


def test_a_score_that_was_not_measured_is_unknown(told: Store) -> None:
    row = row_of(told, "ref-opt")
    assert (row.block_influence, row.relative_difference, row.mean_weight, row.head_distance) == (None,) * 4


def test_versions_and_families_of_types(full: Built) -> None:
    assert {row.method: row.method_version for row in full.store.fetch(METHOD_VERSIONS)} == dict.fromkeys(
        ["dense", *METHODS], 1
    )
    families = {row.model_type: row.family_id for row in full.store.fetch(TYPE_FAMILIES)}
    counted = full.store.rows(
        "SELECT e.model_type, f.family_id FROM families f JOIN extractions e USING (source, model_id) "
        "WHERE e.model_type IS NOT NULL"
    )
    assert families == dict(counted)


def test_the_report_shows_the_finding_and_marks_predictions(full: Built) -> None:
    text = full.text("reports/prediction.md")
    assert "## What a model of damage can tell of a family it never saw" in text
    assert "Learned from 5 models of this store alone." in text
    assert "the store's models were measured on another evaluation text" in text
    assert "**Predictions, not measurements:**" in text
    assert "images/damage_predicted.png" in full.files
