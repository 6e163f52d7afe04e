"""The earlier miner's statistics on a worked example, and numbers as people read them."""

import pytest

from analysis.numbers import decimal, percent, range_of, short_count, span, with_interval
from analysis.sections.extract.architecture import TOP_TASKS, shown_tasks, task_order, top_kinds
from analysis.sections.extract.sizes import StructureRow, depth_counts, size_points
from analysis.sections.extract.statistics import common_layers, top_types, unique_layers
from tests.analysis.synthetic_tasks import kind_row, task_row

ROWS = [
    kind_row("text", "Linear", 2, 20),
    kind_row("image", "Linear", 1, 5),
    kind_row("image", "Conv2d", 1, 7),
    kind_row("audio", "Conv1d", 1, 1),
    kind_row("audio", "Linear", 1, 2),
]


def test_top_types_are_ordered_by_modules() -> None:
    assert top_types(ROWS) == (("Linear", "27", "4"), ("Conv2d", "7", "1"), ("Conv1d", "1", "1"))


def test_common_layers_are_in_half_of_the_tasks() -> None:
    assert common_layers(ROWS) == (("Linear", "3 of 3"),)
    assert common_layers(ROWS[:3]) == (("Linear", "2 of 2"), ("Conv2d", "1 of 2"))


def test_unique_layers_are_in_one_task_row() -> None:
    assert unique_layers(ROWS) == (("audio", "Conv1d", "1"), ("image", "Conv2d", "1"))


def test_kinds_are_means_a_model() -> None:
    found = top_kinds(ROWS, [task_row("text", 4), task_row("image", 1), task_row("audio", 1)])
    assert [(share.kind, share.task, share.modules_per_model) for share in found] == [
        ("Linear", "text", 5.0),
        ("Linear", "image", 5.0),
        ("Linear", "audio", 2.0),
        ("Conv2d", "image", 7.0),
        ("Conv1d", "audio", 1.0),
    ]


def test_rare_tasks_are_added_up() -> None:
    tasks = [task_row(f"t{index}", 9) for index in range(TOP_TASKS + 3)]
    shown = shown_tasks(tasks)
    assert [name for name, as_name in shown.items() if as_name == "other"] == ["t7", "t8", "t9", "t10"]
    assert len(task_order(tasks)) == TOP_TASKS
    assert "other" not in task_order(tasks[:TOP_TASKS])
    rows = [kind_row(row.task, "Linear", 9, 90) for row in tasks]
    assert [share.modules_per_model for share in top_kinds(rows, tasks)] == [10.0] * TOP_TASKS


def test_structures_are_counted_by_task_and_depth() -> None:
    tasks = [task_row(f"t{index}", 9) for index in range(TOP_TASKS + 1)]
    rows = [
        StructureRow(f"s{index}", task, "example", 2, 10 * index, 3, depth, 5)
        for index, (task, depth) in enumerate([("t0", 4), ("t0", 4), ("t0", 2), ("t7", 4), ("t8", 4)])
    ]
    counts = [(count.task, count.max_depth, count.n_structures) for count in depth_counts(rows, tasks)]
    assert counts == [("other", 4, 2), ("t0", 2, 1), ("t0", 4, 2)]
    assert [(point.structure_id, point.task) for point in size_points(rows, tasks)][2:4] == [
        ("s2", "t0"),
        ("s3", "other"),
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 K"),
        (124_439_808, "124 M"),
        (7.24e9, "7.24 B"),
        (1e12, "1 T"),
        (9.994e14, "999 T"),
        (8e18, "8e+18"),
    ],
)
def test_short_counts(number: float, text: str) -> None:
    assert short_count(number) == text


def test_numbers_for_people() -> None:
    assert [decimal(value) for value in (0.12345, 8.4321, 161.3, 14743.2, 3.2e7)] == [
        "0.123",
        "8.43",
        "161",
        "14,743",
        "32 M",
    ]
    assert percent(0.256) == "26 %"
    assert with_interval(8.4321, 8.3, 8.57) == "8.43 [8.3, 8.57]"
    assert with_interval(8.4321, None, 8.57) == "8.43"
    assert (range_of([96, 96]), range_of([4096, 96, 128])) == ("96", "96 to 4,096")
    assert span(82_800, 8 * 10**18) == "82.8 K to 8e+18"
    assert (span(12, 12), span(12, 4800)) == ("12", "12 to 4.8 K")
