"""Heads lie where the adapter says: zeroing a head's slice changes that head's result and no other.

The oracle is the model itself: the input of the output matrix is recorded, and its columns that change are compared.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from pruning import inspect
from pruning.adapters import AttentionParts, Slice, Stack
from pruning.adapters.overrides import fused_rows
from pruning.errors import UnsupportedModelError
from pruning.inputs import example_inputs
from tests.pruning.architectures import ARCHITECTURES, build_tiny

# A norm over all heads together lets each head's queries and keys change every other's.
JOINT_NORMS = ("olmo2",)
DECLARED = [name for name, row in ARCHITECTURES.items() if any(f.layout != "unknown" for f in row.stacks.values())]


@pytest.fixture(params=DECLARED, scope="module")
def model(request: pytest.FixtureRequest) -> Any:
    """Each architecture whose layout is known."""
    torch.set_num_threads(1)
    return build_tiny(request.param)


def stacks_run(model: Any, inputs: Any) -> list[Stack]:
    """Return the stacks that these inputs pass: text alone passes no vision tower."""
    return [stack for stack in inspect(model).stacks if stack.kind != "vision" or "pixel_values" in inputs]


def mixed_heads(model: Any, attention: AttentionParts, inputs: Any) -> torch.Tensor:
    """Return what the output matrix of an attention reads: (positions, heads x width)."""
    seen: list[torch.Tensor] = []
    module = model.get_submodule(attention.output.path)
    handle = module.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    with torch.inference_mode():
        model(**inputs)
    handle.remove()
    return seen[0].flatten(0, -2)


def changed_columns(model: Any, attention: AttentionParts, inputs: Any, cut: Slice) -> set[int]:
    """Return which columns change when a slice of a matrix and of its bias is zeroed."""
    before = mixed_heads(model, attention, inputs)
    module: Any = model.get_submodule(cut.matrix.path)
    kept = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    with torch.no_grad():
        rows = module.weight.T if cut.matrix.transposed else module.weight
        rows[cut.start : cut.stop] = 0
        if module.bias is not None:
            module.bias[cut.start : cut.stop] = 0
        after = mixed_heads(model, attention, inputs)
    module.load_state_dict(kept)
    return {*((after - before).abs().amax(dim=0) > 1e-6).nonzero().squeeze(1).tolist()}


def columns(attention: AttentionParts, heads: Iterator[int]) -> set[int]:
    return {index for head in heads for index in range(attention.mixed(head).start, attention.mixed(head).stop)}


def test_a_slice_changes_its_own_heads_and_no_other(model: Any) -> None:
    inputs = example_inputs(model)
    for stack in stacks_run(model, inputs):
        for attention in stack.layers[0].attentions:
            if model.config.model_type not in JOINT_NORMS:
                for head in range(attention.heads):
                    found = changed_columns(model, attention, inputs, attention.query(head))
                    assert found == columns(attention, iter([head])), (attention.path, "query", head)
            for group in range(attention.key_value_heads):
                first = group * attention.queries_per_group
                readers = columns(attention, iter(range(first, first + attention.queries_per_group)))
                found = changed_columns(model, attention, inputs, attention.value(group))
                assert found == readers, (attention.path, "value", group)
                if model.config.model_type not in JOINT_NORMS:
                    found = changed_columns(model, attention, inputs, attention.key(group))
                    assert found == readers, (attention.path, "key", group)


def test_a_value_slice_is_the_value_and_not_the_key(model: Any) -> None:
    """Zeroed values leave nothing of a head, zeroed keys an average: they are not taken for one another."""
    inputs, changed = example_inputs(model), copy.deepcopy(model)
    for stack in stacks_run(model, inputs):
        attention = stack.layers[0].attentions[0]
        cut = attention.value(0)
        module: Any = changed.get_submodule(cut.matrix.path)
        with torch.no_grad():
            (module.weight.T if cut.matrix.transposed else module.weight)[cut.start : cut.stop] = 0
            if module.bias is not None:
                module.bias[cut.start : cut.stop] = 0
            for name in attention.extras:
                if name.endswith("v_bias"):
                    changed.get_parameter(name).zero_()
        own = sorted(columns(attention, iter(range(attention.queries_per_group))))
        assert not mixed_heads(changed, attention, inputs)[:, own].any()


def test_the_parallel_block_is_one(model: Any) -> None:
    """Where attention and MLP are parallel the MLP's input does not depend on the attention's output, else it does."""
    inputs, stack = example_inputs(model), inspect(model).main
    layer = stack.layers[0]
    if layer.mlp is None:
        return
    seen: list[torch.Tensor] = []
    up, output = (model.get_submodule(path) for path in (layer.mlp.up.path, layer.attentions[0].output.path))
    handle = up.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].clone()))
    with torch.inference_mode():
        model(**inputs)
        changing = output.register_forward_hook(lambda _, __, result: result + torch.arange(result.shape[-1]))
        model(**inputs)
    handle.remove()
    changing.remove()
    runs = len(seen) // 2  # a shared layer runs more than once
    assert torch.equal(seen[0], seen[runs]) == stack.parallel


def test_every_declared_order_is_run() -> None:
    declared = {model_type for row in fused_rows() for model_type in row["types"]}
    run = {ARCHITECTURES[name].model_type for name in DECLARED}
    assert {
        "gpt2",
        "phi3",
        "mpt",
        "modernbert",
        "bloom",
        "gpt_neox",
        "falcon",
        "gpt_bigcode",
        "deberta",
    } <= declared & run
    assert all(row["reason"] and row["order"] in ("fused", "interleaved") for row in fused_rows())


def test_an_order_that_is_not_declared_is_refused() -> None:
    (stack,) = inspect(build_tiny("codegen")).stacks
    with pytest.raises(UnsupportedModelError, match="order of queries, keys and values"):
        stack.layers[0].attentions[0].query(0)
