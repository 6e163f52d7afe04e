"""Measurements that are committed with the code: read back, compared with the code that made them, refused if not."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.inputs import _code
from analysis.prediction.kept import (
    DAMAGES,
    FOLDER,
    MODELS,
    PROTOCOL_VERSION,
    PROVENANCE,
    Kept,
    KeptDamage,
    Provenance,
    kept_measurements,
    read_rows,
    usable,
)
from analysis.prediction.models import ModelRow, is_learnable
from analysis.prediction.observations import at_home
from analysis.tabular import csv_text
from pruning.experiments import specification
from pruning.methods import METHODS
from tests.analysis.synthetic_prediction import model
from tools.train_variants import measurements_folder
from tools.variants import HEAD_WIDTH, VARIANTS

LARGEST_FILES = 300_000
ROWS = [
    model("a"),
    model(
        "b, c", family_id=None, gated_mlp=True, rotary=None, queries_a_key=2.0, dense_perplexity=None, n_parameters=10
    ),
]


def damage(name: str = "a", method: str = "random", version: int = 1) -> KeptDamage:
    return KeptDamage("reference", name, method, version, "weight", 0.5, 96, 1.5)


def kept(**changes: object) -> Kept:
    provenance = replace(Provenance("abc", "2026-11-21", PROTOCOL_VERSION, "eval", 0), **changes)  # pyright: ignore[reportArgumentType]
    return Kept(provenance, (model("a"), model("b")), (damage(), damage("b"), damage("b", "magnitude", 2)))


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(csv_text(ROWS), encoding="utf-8")
    assert read_rows(path, ModelRow) == ROWS
    path.write_text(csv_text([damage()]), encoding="utf-8")
    assert read_rows(path, KeptDamage) == [damage()]


def test_what_follows_the_store_protocol_counts() -> None:
    models, damages, refused = usable(kept(), [model("own")], {"random": 1, "magnitude": 2})
    assert [row.model_id for row in models] == ["a", "b"]
    assert len(damages) == 3
    assert refused is None


@pytest.mark.parametrize(
    ("changes", "said"), [({"protocol_version": 1}, "protocol 1"), ({"evaluation": "other"}, "another evaluation text")]
)
def test_other_protocols_and_texts_are_refused_with_the_reason(changes: dict[str, object], said: str) -> None:
    models, damages, refused = usable(kept(**changes), [model("own")], {})
    assert models == damages == []
    assert refused is not None
    assert said in refused


def test_other_versions_of_a_method_are_left_out() -> None:
    _, damages, refused = usable(kept(), [model("own")], {"random": 1, "magnitude": 3})
    assert [row.method for row in damages] == ["random", "random"]
    assert refused == "the store has other versions of magnitude"


def test_a_model_that_the_store_measured_counts_once() -> None:
    own = model("b", source="directory")
    models, damages, _ = usable(kept(), [own], {})
    assert [row.model_id for row in models] == ["a"]
    assert {row.model_id for row in damages} == {"a"}
    retrained = replace(own, revision="rev2")
    assert len(usable(kept(), [retrained], {})[0]) == 2


def test_kept_models_are_in_the_families_of_the_store_under_its_names() -> None:
    models = [model("a", model_type=name, family_id="llama") for name in ("llama", "falcon", "new", None)]
    own = [model("own", model_type="llama", family_id="mistral"), model("other", model_type=None)]
    homes = at_home(models, own, {"llama": "vicuna", "falcon": "rw"})
    assert [row.family_id for row in homes] == ["mistral", "rw", "llama", "llama"]


def test_the_committed_measurements_are_of_this_protocol_and_these_methods() -> None:
    found = kept_measurements()
    assert found.provenance.protocol_version == PROTOCOL_VERSION == specification.PROTOCOL_VERSION
    assert {row.evaluation for row in found.models} == {found.provenance.evaluation}
    assert {row.method: row.method_version for row in found.damages} == {
        name: METHODS[name].version for name in {row.method for row in found.damages}
    }
    assert all(METHODS[row.method].scope == row.scope for row in found.damages)


def test_the_committed_measurements_are_whole_and_small() -> None:
    found = kept_measurements()
    assert {row.model_id for row in found.models} == {recipe.name for recipe in VARIANTS}
    assert {row.model_id for row in found.damages} == {row.model_id for row in found.models}
    assert all(map(is_learnable, found.models))
    assert all(row.damage > 0 for row in found.damages)
    assert len({(row.model_id, row.method, row.ratio) for row in found.damages}) == len(found.damages)
    assert sum((FOLDER / name).stat().st_size for name in (MODELS, DAMAGES, PROVENANCE)) < LARGEST_FILES


def test_the_report_depends_on_the_committed_measurements() -> None:
    assert {f"analysis/measurements/{name}" for name in (MODELS, DAMAGES, PROVENANCE)} <= {*_code()}


def test_a_trial_replaces_no_committed_measurements(tmp_path: Path) -> None:
    assert measurements_folder(tmp_path, len(VARIANTS)) == FOLDER
    assert measurements_folder(tmp_path, 1) == tmp_path / "measurements"


def test_variants_are_distinct_and_prunable_by_heads() -> None:
    shapes = {(recipe.model_type, str(sorted(recipe.architecture.items()))) for recipe in VARIANTS}
    assert len({recipe.name for recipe in VARIANTS}) == len(shapes) == len(VARIANTS)
    for sizes in (recipe.architecture for recipe in VARIANTS):
        assert sizes["hidden_size"] == HEAD_WIDTH * int(str(sizes["num_attention_heads"]))
