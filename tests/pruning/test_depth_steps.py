"""Depth pruning in steps: scores saved and loaded, table, heatmap, choice, cut; as a library and as commands."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from pipeline.errors import UsageError
from pruning import DepthScores, choose_block, cut_block, depth_heatmap, depth_scores, depth_table, inspect, prune
from pruning.__main__ import app
from pruning.depth import table_markdown, table_text
from pruning.depth.heatmap import scaled
from pruning.errors import RatioTooSmallError, UnsupportedModelError
from pruning.models import load_model
from pruning.redundancy.blocks import block_distances
from pruning.redundancy.distances import ANGULAR_LAST
from tests.pruning.architectures import build_tiny

SCORES = DepthScores("a model", "bi", 4, ((0.3, 0.1, 0.1, 0.4), (0.5, 0.2, 0.6), (0.9, 0.9)))
QUICK = ("--calibration-windows", "4", "--window-tokens", "48")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_scores_are_the_distances(model: Any, windows: Any) -> None:
    scores = depth_scores(model, windows, name="mine")
    found = block_distances(model, inspect(model), windows, ANGULAR_LAST)
    assert (scores.model, scores.distance, scores.layers) == ("mine", "angular-last", 4)
    assert [block for size in (1, 2, 3) for block in scores.blocks(size)] == [*found]


@pytest.mark.parametrize("name", ["bart", "albert", "vit"])
def test_models_without_scores_are_named(name: str) -> None:
    with pytest.raises(UnsupportedModelError, match="expected a model that reads text with one stack"):
        depth_scores(build_tiny(name), [(3, 4, 5)])


@given(st.integers(2, 7), st.lists(st.floats(0, 1e300), min_size=7, max_size=7))
def test_scores_survive_the_file_and_row_n_removes_n_layers(
    tmp_path_factory: Any, layers: int, numbers: list[float]
) -> None:
    values = tuple(tuple(numbers[: layers - size + 1]) for size in range(1, layers))
    scores = DepthScores("m", "linear", layers, values)
    path = tmp_path_factory.mktemp("scores") / "scores.json"
    scores.save(path)
    assert DepthScores.load(path) == scores
    for row in depth_table(scores):
        assert len(row.removed) == row.layers
        assert row.score == min(scores.values[row.layers - 1])
        assert set(row.removed) <= set(range(scores.layers))


def test_the_table_takes_the_first_of_equal_blocks_and_marks_those_within() -> None:
    rows = depth_table(SCORES, 0.2)
    assert [(row.removed, row.score, row.within) for row in rows] == [
        ((1,), 0.1, True), ((1, 2), 0.2, True), ((0, 1, 2), 0.9, False),
    ]  # fmt: skip
    assert table_text(rows).splitlines() == [
        "layers  start  removed  score",
        "     1      1        1    0.1  within",
        "     2      1      1-2    0.2  within",
        "     3      0      0-2    0.9",
    ]
    assert table_markdown(rows).splitlines()[2] == "| 1 | 1 | 1 | 0.1 | within |"


def test_blocks_are_chosen_by_size_or_threshold() -> None:
    assert choose_block(SCORES, layers=2).start == 1
    assert choose_block(SCORES, threshold=0.5).layers == 2
    with pytest.raises(RatioTooSmallError, match=r"the lowest is 0\.1"):
        choose_block(SCORES, threshold=0.05)
    wrong: tuple[dict[str, Any], ...] = (
        {},
        {"layers": 1, "threshold": 0.1},
        {"layers": 4},
        {"layers": 0},
        {"threshold": -1.0},
    )
    for bad in wrong:
        with pytest.raises(UsageError):
            choose_block(SCORES, **bad)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "other"}, "expected format"),
        ({"extra": 1}, "'extra'"),
        ({"distance": "angular-lst"}, "Did you mean angular-last"),
        ({"layers": True}, "expected int as 'layers', got bool"),
        ({"layers": 1}, "expected at least 2 layers"),
        ({"layers": 5}, "expected 4 rows for 5 layers, got 3"),
        ({"values": [[0.1, 0.2, 0.3, 0.4], [0.1, 0.2], [0.1, 0.2]]}, "expected 3 blocks of 2 of 4 layers, got 2"),
        ({"values": [[0.1, 0.2, 0.3, -1], [0, 0, 0], [0, 0]]}, "for 1 layers from 3, got -1"),
        ({"values": [[0.1, 0.2, 0.3, float("nan")], [0, 0, 0], [0, 0]]}, "got nan"),
        ({"values": [["a", 0.2, 0.3, 0.4], [0, 0, 0], [0, 0]]}, "got 'a'"),
        ({"values": 3}, "expected list as 'values'"),
        ({"values": [3, [0, 0, 0], [0, 0]]}, "got 1"),
    ],
)
def test_files_that_are_no_scores(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = tmp_path / "scores.json"
    SCORES.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UsageError) as raised:
        DepthScores.load(path)
    assert words in str(raised.value)
    assert str(path) in str(raised.value)


def test_nothing_is_written_over_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text("mine")
    for write in (SCORES.save, lambda place: depth_heatmap(SCORES, place)):
        with pytest.raises(UsageError, match="exists already"):
            write(path)
    assert path.read_text() == "mine"
    SCORES.save(path, overwrite=True)
    assert DepthScores.load(path) == SCORES
    with pytest.raises(UsageError, match="expected a folder"):
        SCORES.save(tmp_path / "nowhere" / "scores.json")
    with pytest.raises(UsageError, match="expected a file"):
        SCORES.save(tmp_path, overwrite=True)
    assert [*tmp_path.iterdir()] == [path]


def test_the_heatmap_is_a_triangle_scaled_by_row(tmp_path: Path) -> None:
    nan = numpy.nan
    expected = [[2 / 3, 0, 0, 1], [0.75, 0, 1, nan], [0, 0, nan, nan]]
    assert numpy.allclose(scaled(SCORES), expected, equal_nan=True)
    depth_heatmap(SCORES, tmp_path / "one.png")
    depth_heatmap(SCORES, tmp_path / "two.png")
    first = (tmp_path / "one.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert first == (tmp_path / "two.png").read_bytes()


def test_steps_end_where_the_method_ends(dense_models: dict[str, Any], windows: Any) -> None:
    import copy

    at_once, in_steps = copy.deepcopy(dense_models["opt"]), copy.deepcopy(dense_models["opt"])
    removed = prune(at_once, "depth-angular", 0.5, calibration=windows).removal.layers
    block = choose_block(depth_scores(in_steps, windows), layers=2)
    pruned = cut_block(in_steps, block.start, block.layers)
    assert pruned.removal.layers == removed
    assert pruned.achieved_ratio == 0.5
    assert all(torch.equal(one, other) for one, other in zip(at_once.parameters(), in_steps.parameters(), strict=True))
    for start, layers, words in ((1, 2, "--layers"), (-1, 1, "--start"), (2, 1, "--start")):
        with pytest.raises(UsageError, match=words):
            cut_block(in_steps, start, layers)


def test_the_commands_in_their_order(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    scores, picture, output = tmp_path / "scores.json", tmp_path / "map.png", tmp_path / "cut"
    measured = call("depth", "scores", checkpoints["opt"], "--distance", "bi", "--output", scores, *QUICK)
    assert measured.exit_code == 0, measured.stderr
    rows = json.loads(call("depth", "table", scores, "--threshold", "2", "--json").stdout)["rows"]
    assert [(row["layers"], len(row["removed"]), row["within"]) for row in rows] == [(n, n, True) for n in (1, 2, 3)]
    assert call("depth", "table", scores, "--markdown").stdout.startswith("| layers | start |")
    assert call("depth", "heatmap", scores, "--output", picture).exit_code == 0
    cut = call("depth", "cut", checkpoints["opt"], "--start", 1, "--layers", 2, "--heal", "--output", output, *QUICK)
    assert cut.exit_code == 0, cut.stderr
    assert "removed 2 of 4 layers: 1, 2" in cut.stdout
    assert "healed in model.decoder.layers.0.fc2" in (output / "README.md").read_text()
    assert len(inspect(load_model(output)).layers) == 2
    for again in (
        ("scores", checkpoints["opt"], "--output", scores),
        ("heatmap", scores, "--output", picture),
        ("cut", checkpoints["opt"], "--start", 1, "--layers", 2, "--output", output),
    ):
        refused = call("depth", *again)
        assert refused.exit_code == 2
        assert "exists already" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("scores", "MODEL", "--distance", "angulr-last", "--output", "OUT"), "Did you mean angular-last"),
        (("scores", "MODEL", "--output", "OUT", "--window-tokens", "3"), "--window-tokens"),
        (("table", "OUT"), "expected a JSON object"),
        (("cut", "MODEL", "--start", "3", "--layers", "2", "--output", "OUT"), "--start: expected 0 to 2"),
        (("cut", "MODEL", "--start", "0", "--layers", "4", "--output", "OUT"), "--layers: expected 1 to 3"),
    ],
)
def test_bad_requests(checkpoints: dict[str, Path], tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    given = {"MODEL": str(checkpoints["llama"]), "OUT": str(tmp_path / "out")}
    answer = call("depth", *(given.get(argument, argument) for argument in arguments))
    assert answer.exit_code == 2
    assert words in answer.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("threshold", ["nan", "-1", "much"])
def test_thresholds_that_are_none(tmp_path: Path, threshold: str) -> None:
    SCORES.save(tmp_path / "scores.json")
    answer = call("depth", "table", tmp_path / "scores.json", "--threshold", threshold)
    assert answer.exit_code == 2
    assert "--threshold: expected a number of at least 0" in answer.stderr
