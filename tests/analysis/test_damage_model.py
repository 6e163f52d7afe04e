"""What predicts damage: no family teaches what it is judged by, planted rules are found, nothing is read from noise."""

import random
from collections import defaultdict
from dataclasses import replace
from math import ceil, exp, log
from statistics import fmean

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.document import Paragraph, Strong
from analysis.figures.render import render_png
from analysis.prediction.fit import fit, fold_of, means_of
from analysis.prediction.forecasts import guesses
from analysis.prediction.judged import Judged
from analysis.prediction.kept import Provenance
from analysis.prediction.left_out import PREDICTORS, LeftOut, Score, half_width, leave_out, scores_of
from analysis.prediction.models import STRUCTURE, is_learnable
from analysis.prediction.observations import KEPT, STORE, Observation, family_of, observations
from analysis.sections.prediction.damage_model import (
    CONFOUNDED,
    damage_blocks,
    error_table,
    left_out_picture,
    model_sentence,
    models_table,
)
from tests.analysis.synthetic_prediction import GATED, METHODS, RATIOS, STEEPNESS, model, models, observed
from tests.analysis.test_comparison import damage_row

PROVENANCE = Provenance("abc", "2026-11-21", 2, "eval", 0)
FAMILIES = 8


def judged_of(rows: list[Observation]) -> Judged:
    left_out = leave_out(rows)
    return Judged(tuple(rows), tuple(left_out), tuple(scores_of(left_out)), PROVENANCE, None)


@pytest.fixture(scope="module")
def planted() -> Judged:
    """Models whose gated MLP makes weight methods worse, and no other thing matters."""
    return judged_of(observed(models(FAMILIES)))


@pytest.fixture(scope="module")
def noise() -> Judged:
    """Models that differ for no reason that is known of them."""
    rows = observed(models(FAMILIES), effect=0.0, noise=0.0)
    draw = random.Random(3)
    factor = {row.family: draw.uniform(0.5, 1.5) for row in rows}
    return judged_of([replace(row, log_damage=row.log_damage * factor[row.family]) for row in rows])


def words(found: Judged) -> str:
    return " ".join(span if isinstance(span, str) else span.text for span in model_sentence(found))


def test_a_family_never_teaches_what_it_is_judged_by(planted: Judged) -> None:
    family = "family-m03"
    changed = [
        replace(row, log_damage=50.0, model=replace(row.model, n_layers=99)) if row.family == family else row
        for row in planted.observed
    ]
    asked = [replace(row, log_damage=50.0) if row.family == family else row for row in planted.observed]
    before, after, again = (
        {each.observation.cell: each for each in rows if each.observation.family == family}
        for rows in (planted.left_out, leave_out(asked), leave_out(changed))
    )
    for cell, each in before.items():
        assert (each.scope_mean, each.method_mean) == (again[cell].scope_mean, again[cell].method_mean)
        assert (each.structure, each.scores) == (after[cell].structure, after[cell].scores)


def test_the_means_are_those_of_the_other_families(planted: Judged) -> None:
    for each in planted.left_out:
        one = each.observation
        others = [row for row in planted.observed if row.family != one.family and row.ratio == one.ratio]
        assert each.method_mean == pytest.approx(
            fmean(row.log_damage for row in others if row.method == one.method), abs=1e-6
        )
        assert each.scope_mean == pytest.approx(
            fmean(row.log_damage for row in others if row.scope == one.scope), abs=1e-6
        )


def test_a_planted_rule_is_found_where_it_is(planted: Judged) -> None:
    for predictor in PREDICTORS[2:]:
        score = planted.score("weight", predictor)
        assert score.is_better
        assert score.explained is not None
        assert score.explained > 0.5
        assert not planted.score("layer", predictor).is_better
    assert words(planted).startswith("Structure and cheap scores predict damage better than the mean")
    assert "weight by structure" in words(planted)
    assert "layer by" not in words(planted)


def test_the_fit_is_ridge_regression_on_features_times_ratio() -> None:
    rows = observed(models(FAMILIES))
    predictor = fit(rows, STRUCTURE)
    inputs, moved, means = [], [], defaultdict(list)
    for row in rows:
        means[row.cell].append(row.log_damage)
    for row in (row for row in rows if row.scope == "weight"):
        inputs.append([row.ratio * value for value in predictor.standardised(row.model)])
        moved.append(row.log_damage - fmean(means[row.cell]))
    matrix, wanted = numpy.array(inputs), numpy.array(moved)
    solutions = [
        numpy.linalg.solve(matrix.T @ matrix + penalty * numpy.eye(len(STRUCTURE)), matrix.T @ wanted)
        for penalty in (1.0, 3.0, 10.0)
    ]
    assert any(numpy.allclose(solution, predictor.weights["weight"]) for solution in solutions)
    gated = model("new", gated_mlp=True, family_id="new")
    plain = replace(gated, gated_mlp=False)
    difference = predictor.predict(gated, "weight", "random", 0.5) - predictor.predict(plain, "weight", "random", 0.5)
    assert 0.4 * GATED * 0.5 < difference < 1.1 * GATED * 0.5


def test_features_are_standardised_clamped_and_unknown_ones_average() -> None:
    predictor = fit(observed(models(FAMILIES)), STRUCTURE)
    names = [feature.name for feature in STRUCTURE]
    layers, heads = names.index("layers (log)"), names.index("heads (log)")
    known = [log(row.n_layers, 2) for row in models(FAMILIES)]
    [four, vast, deepest] = (predictor.standardised(model(n_layers=n))[layers] for n in (4, 1000, 12))
    assert four == pytest.approx((2 - numpy.mean(known)) / numpy.std(known))
    assert vast == deepest
    assert predictor.standardised(model(attention_heads=None))[heads] == 0
    assert predictor.standardised(model(attention_heads=64))[heads] == 0


def test_noise_predicts_nothing_and_that_is_said(noise: Judged) -> None:
    text = words(noise)
    assert text.startswith("Structure and cheap scores predict nothing better than the mean of other families:")
    assert "It is shown for no scope by itself." in text
    assert not any(score.is_better for score in noise.scores)


def test_worse_than_the_mean_and_structure_alone_are_said(noise: Judged) -> None:
    def forced(predictor: str, low: float, high: float) -> Judged:
        scores = tuple(
            replace(score, gain_low=low, gain_high=high) if score.predictor == predictor else score
            for score in noise.scores
        )
        return replace(noise, scores=scores)

    assert words(forced("structure and scores", -0.3, -0.1)).startswith(
        "Structure and cheap scores predict damage worse than the mean"
    )
    assert words(forced("structure", 0.1, 0.3)).startswith("Structure alone predicts damage better than the mean")


def test_models_measured_elsewhere_are_named_with_their_commit(planted: Judged) -> None:
    [_, *_, origins, _] = damage_blocks(planted)
    assert isinstance(origins, Paragraph)
    assert origins.spans == ("Learned from 8 models of this store", "alone.")
    rows = [replace(row, origin=KEPT) if row.family == "family-m01" else row for row in planted.observed]
    [_, *_, origins, _] = damage_blocks(replace(planted, observed=tuple(rows), refused="the reason"))
    assert isinstance(origins, Paragraph)
    text = " ".join(map(str, origins.spans))
    assert "7 models of this store and 1 model measured locally (2026-11-21, commit abc, weights not kept)" in text
    assert CONFOUNDED in text
    assert "do not all count: the reason." in text


def test_too_few_families_are_not_judged() -> None:
    few = judged_of(observed(models(4)))
    assert few.left_out == few.scores == ()
    assert words(few) == (
        "Too few families to judge a prediction: 4 measured families; to leave one out, at least 5 are needed."
    )


def test_a_scope_of_one_family_has_no_interval_and_so_no_row(planted: Judged) -> None:
    lone = replace(planted.observed[0], scope="expert", method="experts-random", log_damage=0.5)
    found = judged_of([*planted.observed, lone])
    assert {score.scope for score in found.scores} == {score.scope for score in planted.scores}
    assert found.score(None, "structure").n_numbers == len(planted.observed) + 1
    assert "expert" in {guess.scope for guess in guesses(found.left_out, found.scores)}
    damage_blocks(found)


def test_errors_are_recounted(planted: Judged) -> None:
    for scope in (None, "weight", "layer"):
        score = planted.score(scope, "structure")
        rows = [each for each in planted.left_out if scope in (None, each.observation.scope)]
        errors = [abs(each.structure - each.observation.log_damage) for each in rows]
        means = [abs(each.method_mean - each.observation.log_damage) for each in rows]
        assert score.error == pytest.approx(fmean(errors))
        assert score.gain == pytest.approx(fmean(means) - fmean(errors))
        assert score.explained == pytest.approx(1 - sum(e**2 for e in errors) / sum(e**2 for e in means))
        assert (score.n_families, score.n_numbers) == (FAMILIES, len(rows))


def test_intervals_of_few_families_are_expanded() -> None:
    rows = [
        LeftOut(Observation(f"f{index}", STORE, model(), "weight", "random", 0.5, float(index)), 0.0, 0.0, 0.0, 0.0)
        for index in range(5)
    ]
    [score] = [each for each in scores_of(rows) if each.scope == "weight" and each.predictor == "structure"]
    draws = numpy.random.default_rng(5).integers(5, size=(20_000, 5)).mean(axis=1)
    low, high = numpy.quantile(draws, [0.025, 0.975])
    factor = 2.776445 / 1.959964 * (5 / 4) ** 0.5
    assert score.error == 2.0
    assert score.error_low == pytest.approx(2 - factor * (2 - low), abs=0.2)
    assert score.error_high == pytest.approx(2 + factor * (high - 2), abs=0.2)
    assert (score.gain, score.gain_low, score.gain_high) == (0, 0, 0)


@pytest.mark.parametrize("families", [5, 18, 19, 39])
def test_an_interval_is_a_rank_of_left_out_errors(families: int) -> None:
    rows = [
        LeftOut(Observation(f"f{index:02}", STORE, model(), "weight", "random", 0.5, 0.0), 0.0, worst * index, 0.0, 0.0)
        for index in range(families)
        for worst in (1.0, -0.5)
    ]
    other = replace(rows[0], observation=replace(rows[0].observation, ratio=0.1), method_mean=1e6)
    rank = min(families, ceil(0.95 * (families + 1)))
    assert half_width([*rows, other], "method mean", "random", 0.5) == (rank - 1, families)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.text(max_size=4), min_size=1, max_size=30), st.integers(1, 25))
def test_folds_hold_whole_families_evenly(families: set[str], folds: int) -> None:
    dealt = fold_of([*families, *families], folds)
    sizes = [sum(fold == each for fold in dealt.values()) for each in range(min(folds, len(families)))]
    assert dealt.keys() == families
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) == len(families)


def test_many_families_are_left_out_together_and_each_once() -> None:
    rows = [row for row in observed(models(45)) if row.method in ("random", "depth-last") and row.ratio == 0.5]
    left_out = leave_out(rows)
    assert sorted(each.observation.model.model_id for each in left_out) == sorted(row.model.model_id for row in rows)
    assert [row.family for row in rows].count("family-m07") == 2


def test_unmeasured_methods_get_the_mean_of_their_scope() -> None:
    means = means_of(observed(models(5)))
    assert means.of_method("weight", "random", 0.5) == means.by_cell["random", 0.5]
    assert means.of_method("weight", "new", 0.5) == means.by_scope["weight", 0.5]
    assert means.of_method("head", "new", 0.5) == means.overall


def test_damages_meet_their_models_and_senseless_ones_are_left_out() -> None:
    row = model("m", family_id=None)
    damages = [
        damage_row("random", damage=2.0, source="reference"),
        damage_row("random", damage=float("inf"), ratio=0.1, source="reference"),
        damage_row("random", damage=0.0, ratio=0.25, source="reference"),
        damage_row("random", damage=3.0, model_id="unknown", source="reference"),
    ]
    [one] = observations([row], damages, {"type-m": "kin"}, STORE)
    assert (one.family, one.log_damage, one.cell) == ("kin", pytest.approx(log(2)), ("random", 0.5))
    assert family_of(row, {}) == "type-m"
    assert family_of(replace(row, model_type=None), {}) == "m"
    assert family_of(model("m"), {"type-m": "kin"}) == "family-m"


def test_the_table_and_the_picture_hold_every_number(planted: Judged) -> None:
    table = error_table(planted.scores)
    assert len(table.rows) == 3 * len(PREDICTORS)
    assert [row[-1] for row in table.rows if row[1] == "method mean"] == ["baseline"] * 3
    assert [row[-1] for row in table.rows if row[:2] == ("weight", "structure")] == [
        Strong("better than the method mean")
    ]
    picture = left_out_picture(planted)
    assert len(picture.rows) == FAMILIES * len(METHODS) * len(RATIOS)
    assert render_png(picture).startswith(b"\x89PNG")
    [point] = [row for row in picture.rows if (row.model_id, row.method, row.ratio) == ("m01", "random", 0.5)]
    assert point.measured == pytest.approx(exp(STEEPNESS["random"] * 0.5), rel=0.2)
    assert {row[:2] for row in models_table(planted).rows} == {(f"family-m{i:02}", f"m{i:02}") for i in range(FAMILIES)}


def test_the_same_observations_in_another_order_give_the_same_scores(planted: Judged) -> None:
    shuffled = [*planted.observed]
    random.Random(4).shuffle(shuffled)
    again = judged_of(sorted(shuffled, key=lambda one: (one.family, one.scope, one.method, one.ratio)))
    for before, after in zip(planted.scores, again.scores, strict=True):
        assert isinstance(after, Score)
        assert after.error == pytest.approx(before.error, abs=1e-5)


def test_only_causal_language_models_are_predicted() -> None:
    assert is_learnable(model())
    assert not any(map(is_learnable, (model(causal=False), model(causal=None), model(modality="image"))))
