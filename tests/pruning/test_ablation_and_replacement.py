"""Ablation and replacement as plug-ins: planted copies, independent forwards, what is refused, what is skipped."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from pipeline.errors import UsageError
from pruning import inspect
from pruning.analyses import ANALYSES, Piece, Subject
from pruning.analyses.ablation import ABLATION, AblationOptions
from pruning.analyses.replacement import REPLACEMENT, ReplacementOptions
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.models import load_model
from pruning.reference import model_folder
from tests.pruning.architectures import build_tiny

Windows = tuple[tuple[int, ...], ...]


def subject_of(model: Any, windows: Windows, finished: tuple[str, ...] = ()) -> Subject:
    return Subject(model, inspect(model), (), windows, finished=finished)


def numbers(pieces: list[Piece]) -> dict[str, dict[str, float]]:
    return {piece.component: {found.measure: found.value for found in piece.findings} for piece in pieces}


def mean_loss(model: Any, windows: Windows) -> float:
    losses = []
    with torch.inference_mode():
        for window in windows:
            logits = model(input_ids=torch.tensor([window])).logits[0, :-1].double()
            losses += torch.nn.functional.cross_entropy(logits, torch.tensor(window[1:]), reduction="none").tolist()
    return sum(losses) / len(losses)


def without(model: Any, windows: Windows, path: str) -> float:
    """Return the loss when a module's output is dropped by a hook."""
    module = model.get_submodule(path)

    def hook(_: Any, __: Any, output: Any) -> Any:
        return (torch.zeros_like(output[0]), *output[1:]) if isinstance(output, tuple) else torch.zeros_like(output)

    handle = module.register_forward_hook(hook)
    try:
        return mean_loss(model, windows)
    finally:
        handle.remove()


def test_ablating_equals_dropping_the_branch(dense_models: dict[str, Any], windows: Windows) -> None:
    model = copy.deepcopy(dense_models["llama"])
    pieces = [*ABLATION.measure(subject_of(model, windows), AblationOptions())]
    found = numbers(pieces)
    dense = mean_loss(model, windows)
    assert found["dense"] == {"perplexity": pytest.approx(torch.tensor(dense).exp().item(), rel=1e-5)}
    for layer in range(4):
        for target, path in {"attention": "self_attn", "mlp": "mlp"}.items():
            expected = without(model, windows, f"model.layers.{layer}.{path}") - dense
            assert found[f"layer {layer} {target}"]["loss_increase"] == pytest.approx(expected, abs=1e-5)
    heads = [name for name in found if " head " in name]
    assert heads == [f"layer {layer} head {head}" for layer in range(4) for head in range(4)]
    first = {finding.measure: finding for finding in pieces[1].findings}["kl"]
    assert (first.component, first.target, first.layer, first.head, first.n) == ("layer 0", "layer", 0, None, 6)
    last = pieces[-1].findings[0]
    assert (last.component, last.target, last.layer, last.head) == ("layer 3 head 3", "head", 3, 3)


def test_a_layer_without_both_parts_passes_its_input_on(dense_models: dict[str, Any], windows: Windows) -> None:
    from pruning.redundancy.skipping import SkippingStack

    model = copy.deepcopy(dense_models["gpt_neox"])
    found = numbers([*ABLATION.measure(subject_of(model, windows), AblationOptions(targets=("layer",)))])
    losses = SkippingStack(model, inspect(model)).losses_without_one(windows, ())
    dense = mean_loss(model, windows)
    for layer, loss in losses.items():
        assert found[f"layer {layer}"]["loss_increase"] == pytest.approx(loss - dense, abs=1e-5)


@pytest.mark.parametrize("target", ["attention", "mlp", "layer", "query+down"])
def test_a_planted_copy_costs_exactly_nothing(model: Any, windows: Windows, target: str) -> None:
    stack = [model.get_submodule(layer.path) for layer in inspect(model).layers]
    stack[3].load_state_dict(stack[1].state_dict())
    options = ReplacementOptions(targets=(target,))
    found = numbers([*REPLACEMENT.measure(subject_of(model, windows), options)])
    for pair in ((1, 3), (3, 1)):
        damage = found.pop(f"{target} of layer {pair[0]} by {pair[1]}")
        assert (damage["loss_increase"], damage["kl"], damage["top1_agreement"]) == (0.0, 0.0, 1.0)
    assert len(found) == 11  # dense, and 4 * 3 pairs but two
    assert all(damage["kl"] > 0 for name, damage in found.items() if name != "dense")


def test_replacing_equals_a_model_that_was_copied(model: Any, windows: Windows) -> None:
    path = [layer.path for layer in inspect(model).layers]
    options = ReplacementOptions(targets=("layer",), mapping="all-by-one", measures=("loss_increase",))
    pieces = [*REPLACEMENT.measure(subject_of(model, windows), options)]
    dense = mean_loss(model, windows)
    for source, piece in enumerate(pieces):
        (found,) = piece.findings
        assert (found.component, found.layer, found.other_layer) == (f"layer of all layers by {source}", None, source)
        shared = copy.deepcopy(model)
        for index in {0, 1, 2, 3} - {source}:
            shared.get_submodule(path[index]).load_state_dict(model.get_submodule(path[source]).state_dict())
        assert found.value == pytest.approx(mean_loss(shared, windows) - dense, abs=1e-5)
    assert len(pieces) == 4


def test_near_pairs_come_first_and_finished_ones_cost_nothing(windows: Windows, dense_models: dict[str, Any]) -> None:
    model = copy.deepcopy(dense_models["opt"])
    calls: list[int] = []
    model.register_forward_hook(lambda *_: calls.append(1))
    subject = subject_of(model, windows)
    names = [piece.component for piece in REPLACEMENT.measure(subject, ReplacementOptions())]
    assert names[:3] == ["dense", "attention of layer 0 by 1", "mlp of layer 0 by 1"]
    assert names[-1] == "mlp of layer 3 by 0"
    calls.clear()
    assert [*REPLACEMENT.measure(replace(subject, finished=names), ReplacementOptions())] == []
    assert not calls
    left = [*REPLACEMENT.measure(replace(subject, finished=names[:-1]), ReplacementOptions())]
    assert [piece.component for piece in left] == names[-1:]


def test_closed_half_way_the_model_is_as_it_was(model: Any, windows: Windows) -> None:
    before = copy.deepcopy(model.state_dict())
    subject = subject_of(model, windows)
    generators: list[Any] = [
        ABLATION.measure(subject, AblationOptions()),
        REPLACEMENT.measure(subject, ReplacementOptions()),
    ]
    for generator in generators:
        for _ in range(5):
            next(generator)
        generator.close()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any("forward" in vars(module) for module in model.modules())


def test_what_cannot_be_measured_is_refused_and_the_rest_measured(windows: Windows) -> None:
    model = build_tiny("llama")
    few = tuple(tuple(token % 99 for token in window[:8]) for window in windows[:2])
    model.model.layers[1].mlp.down_proj.bias = torch.nn.Parameter(torch.zeros(32))
    pieces = [*REPLACEMENT.measure(subject_of(model, few), ReplacementOptions())]
    refused = {piece.component for piece in pieces if piece.refusal}
    assert refused == {"mlp of layer 0 by 1", "mlp of layer 1 by 0"}
    assert all(piece.findings for piece in pieces if piece.component not in refused)
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight.fill_(1e38)
        model.model.norm.weight.fill_(torch.nan)
    with pytest.raises(NotFiniteError):
        next(REPLACEMENT.measure(subject_of(model, few), ReplacementOptions()))


def test_a_target_that_only_some_layers_have_is_refused_in_the_others(windows: Windows) -> None:
    model = build_tiny("llama")
    model.model.layers[1].mlp.down_proj.bias = torch.nn.Parameter(torch.ones(32))
    few = tuple(tuple(token % 99 for token in window[:8]) for window in windows[:2])
    pieces = [*ABLATION.measure(subject_of(model, few), AblationOptions(targets=("*.bias",)))]
    assert [(piece.component, bool(piece.refusal)) for piece in pieces[1:]] == [
        ("layer 0 *.bias", True),
        ("layer 1 *.bias", False),
    ]


def test_heads_that_a_layer_has_not_are_refused_and_the_others_measured(windows: Windows) -> None:
    model = build_tiny("llama")
    few = tuple(tuple(token % 99 for token in window[:8]) for window in windows[:2])
    adapter = inspect(model)
    stack = replace(adapter.main, layers=(replace(adapter.layers[0], attentions=()), adapter.layers[1]))
    subject = Subject(model, replace(adapter, stacks=(stack,), main=stack), (), few)
    pieces = [*ABLATION.measure(subject, AblationOptions(targets=("head",), measures=("kl",)))]
    assert [piece.component for piece in pieces] == ["layer 0 heads", *(f"layer 1 head {head}" for head in range(4))]
    assert [piece.refusal for piece in pieces] == [
        "model.layers.0: looked for one self-attention; found 0", None, None, None, None
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["bert", "t5", "vit", "albert"])
def test_models_without_a_next_token_are_refused_before_the_first_piece(name: str) -> None:
    model = build_tiny(name)
    subject = subject_of(model, ((1, 2, 3),))
    for pieces in (
        ABLATION.measure(subject, AblationOptions(targets=("mlp",))),
        REPLACEMENT.measure(subject, ReplacementOptions(targets=("mlp",))),
    ):
        with pytest.raises(UnsupportedModelError):
            next(pieces)


def test_wrong_options_are_refused_before_the_model_runs(dense_models: dict[str, Any]) -> None:
    subject = subject_of(dense_models["llama"], ())
    for ablation in (AblationOptions(targets=("mpl",)), AblationOptions(targets=("head+mlp",))):
        with pytest.raises(UsageError):
            next(ABLATION.measure(subject, ablation))
    with pytest.raises(UsageError):
        next(REPLACEMENT.measure(subject, ReplacementOptions(mapping="row:4")))


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (AblationOptions, {"targets": ()}),
        (AblationOptions, {"measures": ("los",)}),
        (ReplacementOptions, {"targets": ("head",)}),
        (ReplacementOptions, {"mapping": "nxt"}),
        (ReplacementOptions, {"mapping": "displacement:0"}),
        (ReplacementOptions, {"measures": ()}),
    ],
)
def test_options_that_fit_no_model_are_refused_before_any_is_loaded(options: Any, values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        options(**values)


def test_pair_accuracy_of_a_reference_model() -> None:
    from pruning.texts import reference_text

    model = load_model(model_folder("llama"))
    windows = reference_text("evaluation", 2, 64).windows
    options = AblationOptions(targets=("attention",), measures=("kl", "pair_accuracy"))
    found = numbers([*ABLATION.measure(subject_of(model, windows), options)])
    assert [*found["dense"]] == ["pair_accuracy"]
    assert found["dense"]["pair_accuracy"] > 0.9
    damaged = [found[f"layer {layer} attention"]["pair_accuracy"] for layer in range(8)]
    assert min(damaged) < found["dense"]["pair_accuracy"]


def test_both_are_listed() -> None:
    assert {"ablation", "replacement"} <= {*ANALYSES.names()}
