"""The same neurons as optipfair 0.4.2, where both prune llama."""

import copy
from typing import Any

import pytest
import torch

from pruning import inspect, prune

optipfair = pytest.importorskip("optipfair.pruning.mlp_glu")

pytestmark = pytest.mark.peer
# Their names for the methods.
THEIRS = {"mlp-maxmin": "MAW", "mlp-l1": "PON", "mlp-variance": "VOW"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("method", THEIRS)
@pytest.mark.parametrize("ratio", [0.25, 0.5])
def test_the_same_neurons_stay(dense_models: dict[str, Any], method: str, ratio: float, dtype: torch.dtype) -> None:
    ours, theirs = (copy.deepcopy(dense_models["llama"]).to(dtype) for _ in range(2))
    prune(ours, method, ratio)
    theirs = optipfair.prune_model_mlp_glu(theirs, THEIRS[method], 100 * ratio, show_progress=False)
    assert inspect(ours).mlp_width == theirs.config.intermediate_size
    found = theirs.state_dict()
    assert {*found} == {*ours.state_dict()}
    assert all(torch.equal(tensor, found[name]) for name, tensor in ours.state_dict().items())
