"""Pictures of odd rows: hostile names, one row, missing numbers. A warning of matplotlib fails the test."""

from dataclasses import replace

import pytest

from analysis.figures.style import COLORS, GREY, OTHER, colors_of, label, render_png
from analysis.sections.catalog import OutcomeRow, outcomes_picture
from analysis.sections.damage import damage_picture, prunability_picture
from analysis.sections.families import FamilyRow, families_picture
from tests.analysis.test_comparison import damage_row

NAMES = ("$x_1$ \\frac{", "模型 🤖", "a\nb\x00", "=" * 300, "_", "", "<b>&amp;", "\u202eevil")


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
    assert render_png(damage_picture(rows, [])).startswith(b"\x89PNG")
    assert render_png(prunability_picture(rows)).startswith(b"\x89PNG")
    assert render_png(prunability_picture([replace(rows[2])])).startswith(b"\x89PNG")


def test_one_outcome_is_drawn() -> None:
    row = OutcomeRow("hub", "failed", "network", 1, "a/b", None)
    assert render_png(outcomes_picture([row])).startswith(b"\x89PNG")


def test_colors_are_distinct_until_the_palette_ends() -> None:
    names = [f"n{index}" for index in range(len(COLORS) + 2)]
    colors = colors_of([*names, OTHER])
    assert [colors[name] for name in names] == [*COLORS, GREY, GREY]
    assert colors[OTHER] == GREY
    assert len(set(COLORS)) == len(COLORS)
