"""short-transformers 0.2 as a peer. Its row n holds blocks of n + 1 layers, and on transformers 5, whose layers return
a tensor, it takes the first window of the states for the states: here its recorder wraps functions that return tuples.
"""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pruning import depth_scores, depth_table
from tests.pruning.test_depth_distances import dense_states

pytestmark = pytest.mark.peer


def peer_result(states: list[torch.Tensor], layers: int) -> Any:
    """Return the peer's table: [row][start], its layers playing back known states window by window."""
    peer = pytest.importorskip("short_transformers.short_transformer")
    model = SimpleNamespace(memory=peer.Memory(layers), distance=peer.angular_distance_last_token)
    for window in states:
        for index in range(layers):
            played = peer.ShortTransformer._layer_io(model, index)(
                lambda _, window=window, index=index: (window[index + 1].unsqueeze(0),)
            )
            played(window[index].unsqueeze(0))
    return model.memory.result


def test_row_n_equals_ours_after_its_offset(model: Any, family: str, windows: Any) -> None:
    utils = pytest.importorskip("short_transformers.utils")
    theirs = peer_result(dense_states(model, family, windows), 4)
    scores = depth_scores(model, windows)
    for size in (1, 2, 3):
        assert scores.values[size - 1] == pytest.approx([*theirs[size - 1, : 5 - size]], rel=1e-4, abs=2e-6)
    for row in depth_table(scores)[1:]:
        assert utils.get_best_pruning_start(theirs, row.layers - 1) == row.start
