"""What is predicted of families that nobody measured, and how it is marked."""

from dataclasses import replace
from math import exp

import pytest

from analysis.document import Block, Paragraph, Strong, Table
from analysis.prediction.forecasts import forecasts, guesses, unmeasured
from analysis.prediction.judged import Judged
from analysis.sections.prediction.forecast import forecast_blocks
from tests.analysis.synthetic_prediction import GATED, STEEPNESS, model, models, observed
from tests.analysis.test_damage_model import FAMILIES, judged_of

ASKED = [
    model("big", family_id="big", gated_mlp=True, n_layers=80, n_parameters=70_000_000_000, attention_heads=None),
    model("small", family_id="small", gated_mlp=False, downloads=10),
]


@pytest.fixture(scope="module")
def planted() -> Judged:
    return judged_of(observed(models(FAMILIES)))


@pytest.fixture(scope="module")
def flat() -> Judged:
    """All families alike."""
    return judged_of(observed(models(FAMILIES), effect=0.0))


def text_of(blocks: tuple[Block, ...]) -> str:
    spans = [span for block in blocks if isinstance(block, Paragraph) for span in block.spans]
    return " ".join(span if isinstance(span, str) else span.text for span in spans)


def tables_of(blocks: tuple[Block, ...]) -> list[Table]:
    return [block for block in blocks if isinstance(block, Table)]


def test_each_scope_is_guessed_by_its_least_damaging_method(planted: Judged) -> None:
    found = {guess.scope: guess for guess in guesses(planted.left_out, planted.scores)}
    assert {scope: (guess.method, guess.ratio) for scope, guess in found.items()} == {
        "weight": ("magnitude", 0.25),
        "layer": ("depth-angular", 0.25),
    }
    assert found["weight"].predictor == "structure"
    assert found["layer"].predictor == "method mean"
    assert {guess.n_families for guess in found.values()} == {FAMILIES}


def test_a_method_of_few_families_is_not_the_guess(planted: Judged) -> None:
    rare = [
        replace(each, observation=replace(each.observation, method="rare", log_damage=0.0))
        for each in planted.left_out[:12]
        if each.observation.scope == "weight"
    ]
    assert {guess.method for guess in guesses([*planted.left_out, *rare], planted.scores)} == {
        "magnitude",
        "depth-angular",
    }


def test_forecasts_follow_the_planted_rule_and_say_what_is_not_known(planted: Judged) -> None:
    guessed = guesses(planted.left_out, planted.scores)
    big, small = forecasts(planted.observed, guessed, ASKED, {})
    for forecast, gated in ((big, GATED), (small, 0.0)):
        damages = dict(zip([guess.scope for guess in guessed], forecast.damages, strict=True))
        value, low, high = damages["weight"]
        assert low < exp(0.25 * (STEEPNESS["magnitude"] + gated)) < high
        assert value / low == pytest.approx(high / value)
        assert damages["layer"][0] == pytest.approx(exp(0.25 * STEEPNESS["depth-angular"]), rel=0.02)
    assert big.damages[1] != small.damages[1]
    assert big.damages[0] == small.damages[0]
    assert (big.unknown, small.unknown) == (("heads (log)",), ())
    assert set(big.outside) >= {"layers (log)", "parameters (log)"}


def test_only_unmeasured_language_models_are_asked_for_by_downloads_then_size() -> None:
    rows = [*ASKED, model("seen"), model("seer", causal=False), model("kin", family_id=None, model_type="t")]
    found = unmeasured(rows, {"family-seen", "kin-family"}, {"t": "kin-family"})
    assert [row.model_id for row in found] == ["small", "big"]


def test_predictions_are_marked_and_made_by_family_where_structure_helps(planted: Judged) -> None:
    blocks = forecast_blocks(planted, ASKED, {})
    assert text_of(blocks).startswith("Predictions, not measurements: 2 unmeasured families")
    assert "by structure in the scopes where that was shown to beat the mean (weight)" in text_of(blocks)
    [by_scope, by_family] = tables_of(blocks)
    assert [(row[0], row[3] == "see below") for row in by_scope.rows] == [("layer", False), ("weight", True)]
    assert [column.title for column in by_family.columns if column.title.startswith("PREDICTED")] == [
        "PREDICTED weight: magnitude at 25 %"
    ]
    assert [row[0] for row in by_family.rows] == ["big", "small"]


def test_where_structure_does_not_help_one_line_holds_for_every_family(flat: Judged) -> None:
    blocks = forecast_blocks(flat, ASKED, {})
    assert "structure was not shown to beat the mean in any scope" in text_of(blocks)
    [table] = tables_of(blocks)
    assert all(str(row[3]).count("x [") == 1 for row in table.rows)
    assert {row[-1] for row in table.rows} == {"method mean"}


def test_nothing_is_predicted_from_too_few_families() -> None:
    [paragraph] = forecast_blocks(judged_of(observed(models(4))), ASKED, {})
    assert isinstance(paragraph, Paragraph)
    assert not any(isinstance(span, Strong) for span in paragraph.spans)
    assert "fewer than 5 measured families" in text_of((paragraph,))
