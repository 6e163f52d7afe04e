"""One model in which layers are copies of others and act as such: every analysis has to find them, and no others.

Layers 0, 1 and 2 of five are one layer: 1 is an exact copy of 0, 2 has its neurons in another order. What they do is to
move every coordinate of the state to the next place. Layers 3 and 4 are layers like others.
"""

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
import torch

from pruning import inspect
from pruning.analyses import ANALYSES, Finding, Subject
from pruning.redundancy.neurons import permute_neurons

WIDTH, LAYERS = 32, 5
COPIES = (0, 1)
ALIKE = (0, 1, 2)
WINDOWS = tuple(tuple((7 * place + 11 * start) % 96 + 3 for place in range(20 - start)) for start in range(4))

Findings = dict[tuple[int | None, int | None], dict[str, float]]


@pytest.fixture(scope="module")
def model() -> Any:
    """Return the model. ReLU(x) - ReLU(-x) = x, and a state whose mean is 0 is only scaled by the norm before."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=99, n_positions=32, n_embd=WIDTH, n_layer=LAYERS, n_head=4, n_inner=2 * WIDTH, bos_token_id=1,
        eos_token_id=2, activation_function="relu", tie_word_embeddings=False,
    )  # fmt: skip
    made = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
        made.transformer.wpe.weight.zero_()
        states = made.transformer.wte.weight
        states -= states.mean(1, keepdim=True)
        states *= WIDTH**0.5 / states.norm(dim=1, keepdim=True)
        _make_shift(made.transformer.h[0], made.config.layer_norm_epsilon)
        for index in (1, 2):
            made.transformer.h[index].load_state_dict(made.transformer.h[0].state_dict())
    third = inspect(made).layers[2].mlp
    assert third is not None
    permute_neurons(made, third, torch.randperm(2 * WIDTH))
    return made


def _make_shift(layer: Any, epsilon: float) -> None:
    """Let a layer move every coordinate by one place when the mean of the squares of the state is 1."""
    basis = torch.linalg.qr(torch.randn(WIDTH, WIDTH)).Q
    step = torch.eye(WIDTH).roll(1, dims=1) - torch.eye(WIDTH)
    layer.attn.c_proj.weight.zero_()
    layer.attn.c_proj.bias.zero_()
    layer.ln_2.weight.fill_(1)
    layer.ln_2.bias.zero_()
    layer.mlp.c_fc.weight.copy_(torch.cat([basis, -basis], dim=1))
    layer.mlp.c_fc.bias.zero_()
    back = (1 + epsilon) ** 0.5 * basis.T @ step
    layer.mlp.c_proj.weight.copy_(torch.cat([back, -back]))
    layer.mlp.c_proj.bias.zero_()


def findings(model: Any, name: str, **options: Any) -> Iterator[Finding]:
    analysis = ANALYSES[name]
    for piece in analysis.measure(Subject(model, inspect(model), WINDOWS, WINDOWS), analysis.options(**options)):
        assert piece.refusal is None
        yield from piece.findings


def by_layers(found: Iterator[Finding], target: str | None = None, variant: str | None = None) -> Findings:
    numbers: Findings = {}
    for each in found:
        if (each.target, each.variant) == (target, variant):
            numbers.setdefault((each.layer, each.other_layer), {})[each.measure] = each.value
    return numbers


def test_the_planted_layers_do_something(model: Any) -> None:
    damage = by_layers(findings(model, "ablation", targets=("mlp",)), "mlp")
    assert all(damage[layer, None]["kl"] > 0.01 for layer in range(LAYERS))


@pytest.mark.parametrize("target", ["mlp", "layer"])
def test_replacement_finds_the_copies(model: Any, target: str) -> None:
    damage = by_layers(findings(model, "replacement", targets=(target,)), target)
    assert {*damage} == {*permutations(range(LAYERS), 2)}
    for pair, found in damage.items():
        if {*pair} <= {*COPIES}:
            assert (found["kl"], found["loss_increase"], found["top1_agreement"]) == (0.0, 0.0, 1.0)
        elif {*pair} <= {*ALIKE}:
            assert found["kl"] < 1e-9  # the sums are in another order
        else:
            assert found["kl"] > 0.01


def test_cka_is_one_across_them(model: Any) -> None:
    alike = by_layers(findings(model, "cka"))
    for (low, high), found in alike.items():
        assert (found["cka"] > 1 - 1e-6) == (high is not None and high <= len(ALIKE)), (low, high)
    assert max(found["cka"] for (_, high), found in alike.items() if high == LAYERS) < 0.99
    states = by_layers(findings(model, "states"))
    assert all(found["relative_difference"] > 0.5 for found in states.values())


def test_the_rank_of_the_difference_is_zero(model: Any) -> None:
    for each in findings(model, "rank", variants=("pairs",), thresholds=(1.0,)):
        if each.measure == "rank":
            zero = (each.layer, each.other_layer) == COPIES
            # The attentions of all three are copies; that of no other layer is.
            zero |= {each.layer, each.other_layer} <= {*ALIKE} and each.target not in ("up", "down")
            assert (each.value == 0) == zero, each.component


def test_neurons_are_matched_under_the_planted_order(model: Any) -> None:
    found = [*findings(model, "neuron-matching", mapping="all-pairs")]
    for pair, shares in by_layers(iter(found), "mlp").items():
        assert (shares["share_before"] > 0.9) == (pair == COPIES)
        assert (shares["share_after"] == 1) == ({*pair} <= {*ALIKE})
        assert (shares["distance_after"] == 0) == ({*pair} <= {*ALIKE})
    for pair, damage in by_layers(iter(found), "mlp", "merged").items():
        assert (damage["kl"] < 1e-9) == ({*pair} <= {*ALIKE})
        assert damage["saved_parameters"] == 4 * WIDTH**2 + 3 * WIDTH


def test_after_two_hundred_replacements_and_ablations_every_bit_is_there(model: Any) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    targets = ("attention", "mlp", "layer", "query", "key", "value", "output", "up", "down", "attention+mlp")
    done = by_layers(findings(model, "replacement", targets=targets, measures=("kl",)), "down")
    assert len(done) * len(targets) == 200
    assert len([*findings(model, "ablation", measures=("kl",))]) == 3 * LAYERS + 4 * LAYERS
    for name, tensor in model.state_dict().items():
        assert torch.equal(before[name].view(torch.int32), tensor.view(torch.int32)), name
