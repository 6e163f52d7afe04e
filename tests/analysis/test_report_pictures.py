"""Pictures of a whole report, and of odd rows: hostile names, one row, missing numbers.

A warning of matplotlib fails the test.
"""

from dataclasses import replace
from functools import partial

import pytest
from pandas import DataFrame

from analysis.build import build_report
from analysis.document import Picture
from analysis.figures.pruning import draw_damage, draw_prunability, draw_scopes
from analysis.figures.render import render_png
from analysis.section import Answers
from analysis.sections.extract.catalog import OutcomeRow, outcomes_picture
from analysis.sections.process.families import FamilyRow, families_picture
from analysis.sections.prune.damage import damage_picture, model_pictures, prunability_picture
from pictures.style import COLORS, GREY, OTHER, colors_of, facet_columns, facets, heading, label
from pipeline.progress import PlainProgress
from tests.analysis.conftest import Built
from tests.analysis.test_comparison import damage_row

NAMES = ("$x_1$ \\frac{", "模型 🤖", "a\nb\x00", "=" * 300, "_", "", "<b>&amp;", "\u202eevil")


LARGEST_PICTURE = 150_000


@pytest.mark.usefixtures("drawn")
def test_every_picture_of_a_report_is_drawn_and_small(full: Built) -> None:
    files = build_report(Answers(full.store), PlainProgress())
    pictures = {path: content for path, content in files.items() if path.startswith("images/")}
    assert len(pictures) >= 30
    for path, content in pictures.items():
        assert content.startswith(b"\x89PNG"), path
        assert len(content) < LARGEST_PICTURE, path
        assert b"tIME" not in content, path


def family(name: str) -> FamilyRow:
    return FamilyRow(name, "both", 0.85, 3, 1, None, None, None, None, None, None, None, False, [name])


@pytest.mark.parametrize("name", NAMES)
def test_names_from_outside_are_drawn_as_text(name: str) -> None:
    assert render_png(families_picture([family(name)])).startswith(b"\x89PNG")


def test_labels_are_short_and_in_the_font() -> None:
    assert label("模x") == "?x"
    assert len(label("y" * 100)) == 30
    assert "\n" not in label("a\nb")


def test_extreme_and_missing_numbers_are_drawn() -> None:
    rows = [
        damage_row("a", damage=1e9),
        damage_row("b", damage=0.9, damage_low=None, damage_high=None),
        damage_row("a", damage=1.0, model_id="n"),
    ]
    for picture in (damage_picture(rows), *model_pictures(rows, [])):
        assert render_png(picture).startswith(b"\x89PNG")
    assert render_png(prunability_picture(rows)).startswith(b"\x89PNG")
    assert render_png(prunability_picture([replace(rows[2])])).startswith(b"\x89PNG")


def test_titles_compare_within_a_scope_only() -> None:
    rows = [
        damage_row("magnitude", damage=2.0),
        damage_row("random", damage=9.0),
        damage_row("mlp-maxmin", damage=1.5, scope="neuron"),
        damage_row("mlp-random", damage=1.9, scope="neuron"),
        damage_row("depth-angular", damage=3.0, scope="layer"),
    ]
    curves, heatmap = damage_picture(rows), prunability_picture(rows)
    assert _title(curves) == (
        "Perplexity over dense, 50 % asked (medians of 1 model): depth-angular 3.00 x; mlp-maxmin 1.50 x against "
        "mlp-random 1.90 x; magnitude 2.00 x against random 9.00 x"
    )
    assert _title(heatmap) == (
        "Least damage of its scope (or equal) at 50 % asked: depth-angular (layer) on 1 of 1 model, mlp-maxmin "
        "(neuron) on 1 of 1 model, magnitude (weight) on 1 of 1 model"
    )


def test_the_heatmap_marks_the_best_of_each_scope() -> None:
    rows = [
        damage_row("magnitude", damage=2.0),
        damage_row("random", damage=9.0),
        damage_row("mlp-maxmin", damage=1.5, scope="neuron"),
        damage_row("mlp-random", damage=1.9, scope="neuron"),
    ]
    best = {("m", "mlp-maxmin"), ("m", "magnitude")}
    [axes, _] = draw_prunability(DataFrame(rows), "title", best).axes
    assert [text.get_text() for text in axes.texts] == ["1.50 best", "1.90", "2.00 best", "9.00"]


def test_the_heatmap_marks_nothing_where_budgets_differ() -> None:
    rows = [damage_row("magnitude", damage=1.0), damage_row("random", damage=9.0, removed_fraction=0.523)]
    picture = prunability_picture(rows)
    assert _title(picture).endswith("asked: none comparable (weight)")
    [axes, _] = picture.draw(DataFrame(rows)).axes
    assert [text.get_text() for text in axes.texts] == ["1.00", "9.00"]


def test_the_curves_name_what_the_asked_share_is_of() -> None:
    [picture] = model_pictures([damage_row()], [])
    frame = DataFrame(picture.rows).assign(floor=float("nan"))
    [axes] = draw_damage(frame, "title").axes
    assert (
        axes.get_xlabel().replace("\n", " ")
        == "asked share of the method's own units (weights, neurons, heads, layers, ...)"
    )


def test_captions_give_a_range_when_models_have_other_windows() -> None:
    rows = [damage_row(n_windows=96), damage_row(n_windows=16, model_id="n")]
    for picture in (*model_pictures(rows, []), prunability_picture(rows)):
        assert "n = 16 to 96 evaluation windows" in picture.caption


def test_the_curves_of_all_models_are_medians_with_their_range() -> None:
    rows = [damage_row(damage=damage, model_id=str(damage)) for damage in (1.0, 2.0, 7.0)]
    [point] = damage_picture([*rows, damage_row("mlp-maxmin", scope="neuron")]).rows[1:]
    assert (point.scope, point.damage, point.damage_low, point.damage_high, point.n_models) == (
        "weight",
        2.0,
        1.0,
        7.0,
        3,
    )


def test_more_methods_than_colours_are_told_apart_by_their_lines() -> None:
    rows = [damage_row(f"m{index:02}", ratio=ratio) for index in range(20) for ratio in (0.1, 0.5)]
    [axes] = draw_scopes(DataFrame(damage_picture(rows).rows), "title").axes
    looks = {
        (line.get_color(), line.get_linestyle()) for line in axes.lines if line.get_marker() not in ("|", "_", "None")
    }
    assert len(looks) == 20


def _title(picture: Picture) -> str:
    assert isinstance(picture.draw, partial)
    return picture.draw.keywords["title"]


def test_one_outcome_is_drawn() -> None:
    row = OutcomeRow("hub", "failed", "network", 1, "a/b", None)
    assert render_png(outcomes_picture([row])).startswith(b"\x89PNG")


def test_colors_are_distinct_until_the_palette_ends() -> None:
    names = [f"n{index}" for index in range(len(COLORS) + 2)]
    colors = colors_of([*names, OTHER])
    assert [colors[name] for name in names] == [*COLORS, GREY, GREY]
    assert colors[OTHER] == GREY
    assert len(set(COLORS)) == len(COLORS)


def test_chance_is_grey_in_every_scope() -> None:
    rows = [damage_row("a-method"), damage_row("random"), damage_row("mlp-random", scope="neuron")]
    axes = draw_scopes(DataFrame(damage_picture(rows).rows), "title").axes
    found = {container.get_label(): container.lines[0].get_color() for panel in axes for container in panel.containers}  # pyright: ignore
    assert found == {"a-method": COLORS[0], "random": GREY, "mlp-random": GREY}


def test_a_title_keeps_a_number_and_its_unit_on_one_line() -> None:
    figure, _ = facets(1, 3.0, 2.0)
    heading(figure, "depth-angular-healed " * 3 + "383 x and 50 % of 5.49 M x")
    lines = figure.get_suptitle().split("\n")
    assert len(lines) > 2
    assert not [line for line in lines if line.startswith(("x", "%", "M", "angular", "healed"))]


def test_four_panels_leave_no_hole() -> None:
    assert [facet_columns(count) for count in (1, 2, 3, 4, 5, 9)] == [1, 2, 3, 2, 3, 3]
