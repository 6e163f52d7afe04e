"""Other libraries in the same run, where they are installed (marker `peer`).

pip install --target /tmp/peers --no-deps torch-pruning==1.6.1
PYTHONPATH=/tmp/peers python -m pytest -m peer tests/pruning/test_peers.py
"""

import copy
from typing import Any

import pytest
import torch

from pruning import inspect, prune


@pytest.mark.peer
@pytest.mark.parametrize(("family", "first"), [("llama", "gate_proj"), ("gpt_neox", "dense_h_to_4h")])
def test_torch_pruning_leaves_the_same_mlp(dense_models: dict[str, Any], family: str, first: str) -> None:
    """The neurons that we chose, taken out of one dense MLP by its dependency graph from one of its matrices."""
    torch_pruning = pytest.importorskip("torch_pruning")
    model = copy.deepcopy(dense_models[family])
    path = inspect(model).layers[1].path + ".mlp"
    theirs = copy.deepcopy(model.get_submodule(path)).requires_grad_(True)
    removed = prune(model, "mlp-maxmin", 0.5).removal.neurons[1]
    states = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(1))
    graph = torch_pruning.DependencyGraph().build_dependency(theirs, example_inputs=states)
    root = theirs.get_submodule(first)
    graph.get_pruning_group(root, torch_pruning.prune_linear_out_channels, idxs=list(removed)).prune()
    ours = model.get_submodule(path)
    assert len(removed) == 32
    assert {name: tuple(each.shape) for name, each in ours.named_parameters()} == {
        name: tuple(each.shape) for name, each in theirs.named_parameters()
    }
    assert all(torch.equal(each, ours.get_parameter(name)) for name, each in theirs.named_parameters())
    assert torch.equal(ours(states), theirs(states))
