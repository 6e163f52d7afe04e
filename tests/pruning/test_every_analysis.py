"""What all analyses have in common: names, finite numbers, the dense model bit by bit, what is left out or refused."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import UsageError
from pruning import inspect
from pruning.analyses import ANALYSES, Finding, Subject
from pruning.analyses.configurations import Step
from pruning.analyses.run import new_pieces
from pruning.analyses.specification import ModelIdentity, Specification, order_for
from pruning.errors import UnsupportedModelError
from tests.pruning.architectures import build_tiny

NAMES = [analysis.name for analysis in ANALYSES]
WINDOWS = tuple(tuple(3 + (7 * index + place * place) % 90 for place in range(24)) for index in range(2))
QUICK: dict[str, dict[str, Any]] = {"low-rank-start": {"steps": 2}, "rank": {"variants": (
    "original", "rows", "columns", "consecutive", "mean", "pairs", "heads"
)}}  # fmt: skip
PART = r"layer \d+( attention| mlp| head \d+)?"
COMPONENTS = {
    "blocks": r"layers \d+-\d+",
    "weights": PART,
    "rank": r"(original|rows|columns|consecutive|mean|pairs|heads) \S+( \w+)?( head \d+| of layers? \d+( and \d+)?)?",
    "ablation": f"dense|{PART}",
    "replacement": r"dense|(attention|mlp) of layer \d+ by \d+",
    "states": r"states \d+ and \d+",
    "cka": r"states \d+ and \d+",
    "heads": r"layer \d+( head \d+| heads \d+ and \d+)?",
    "neuron-matching": r"mlp of layers \d+ and \d+",
    "low-rank-start": r"\S+ (svd|random|whitened)",
}
DAMAGE = {"loss_increase", "kl", "top1_agreement", "perplexity"}
MEASURES = {
    "blocks": {"angular-last", "bi", "relative-magnitude"},
    "weights": {"mean_absolute", "norm"},
    "rank": {
        "rank", "relative_rank", "relative_rank_geometric", "factor_parameters", "effective_rank", "stable_rank",
        "relative_effective_rank",
    },
    "ablation": DAMAGE,
    "replacement": DAMAGE,
    "states": {"mean_cosine", "relative_difference"},
    "cka": {"cka"},
    "heads": {"entropy", "importance", "nearest_distance", "distance", "stability"},
    "neuron-matching": {
        "share_before", "share_after", "distance_before", "distance_after", "saved_parameters", *DAMAGE
    },
    "low-rank-start": {"tensor_loss", "activation_loss"},
}  # fmt: skip


def step_of(name: str, **options: Any) -> Step:
    return Step(ANALYSES[name], ANALYSES[name].options(**{**QUICK.get(name, {}), **options}))


def subject_of(model: Any) -> Subject:
    return Subject(model, inspect(model), WINDOWS, WINDOWS)


def findings(subject: Subject, step: Step) -> dict[str, tuple[Finding, ...]]:
    """Return what is measured by component; that it is finite and no component twice is checked on the way."""
    return {piece.component: piece.findings for piece in new_pieces(step, subject) if piece.refusal is None}


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Check that weights, gradients, hooks and the way attention is computed come back."""

    def seen() -> list[Any]:
        hooks = [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
        own = ["forward" in vars(module) for module in model.modules()]
        kinds = [module.config._attn_implementation for module in model.modules() if hasattr(module, "config")]
        grads = [(parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
        return [hooks, own, kinds, grads, model.training]

    before, state = seen(), copy.deepcopy(model.state_dict())
    yield
    assert seen() == before
    assert all(torch.equal(value.view(torch.uint8), state[name].view(torch.uint8))
               for name, value in model.state_dict().items())  # fmt: skip


@pytest.fixture(scope="module", params=["llama", "gpt2", "phi3", "gpt_neox", "olmo2"])
def tiny(request: pytest.FixtureRequest) -> Any:
    return build_tiny(request.param).eval()


@pytest.mark.parametrize("name", NAMES)
def test_names_are_those_agreed_and_the_model_comes_back_wherever_it_stops(tiny: Any, name: str) -> None:
    subject, step = subject_of(tiny), step_of(name)
    with unchanged(tiny):
        found = findings(subject, step)
    assert found
    assert [component for component in found if not re.fullmatch(COMPONENTS[name], component)] == []
    assert {each.measure for rows in found.values() for each in rows} == MEASURES[name]
    with unchanged(tiny):
        pieces: Any = ANALYSES[name].measure(subject, step.options)
        next(pieces)
        pieces.close()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_finished_is_not_computed_again(tiny: Any, name: str) -> None:
    subject, step = subject_of(tiny), step_of(name)
    whole = findings(subject, step)
    hook = tiny.register_forward_pre_hook(lambda *_: pytest.fail("nothing was to be computed"))
    try:
        assert findings(replace(subject, finished={*whole}), step) == {}
    finally:
        hook.remove()
    half = {*list(whole)[::2]}
    rest = findings(replace(subject, finished=half), step)
    assert rest == {component: rows for component, rows in whole.items() if component not in half}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", ["bart", "bert", "vit", "albert", "mixtral", "gpt_oss"])
def test_models_of_other_kinds_are_refused_or_measured_but_never_break(other: str, name: str) -> None:
    model = build_tiny(other).eval()
    with unchanged(model):
        try:
            found = findings(subject_of(model), step_of(name))
        except UnsupportedModelError:
            return
    assert found


@dataclass(frozen=True)
class Other:
    """Another value of an option, beside the rest that it needs to be seen."""

    value: Any
    given: dict[str, Any] = field(default_factory=dict)


FILE = "a file"
OTHERS: dict[str, dict[str, Other]] = {
    "blocks": {"distances": Other(("angular-last", "angular-mean"))},
    "weights": {"targets": Other(("head", "layer"))},
    "rank": {
        "variants": Other(("mean", "original")),
        "thresholds": Other((0.5,)),
        "absolute_threshold": Other(1.5),
        "method": Other("randomised", {"thresholds": (0.3,)}),
        "targets": Other(("query", "down")),
    },
    "ablation": {
        "targets": Other(("head", "mlp")),
        "measures": Other(("kl",)),
        "pairs": Other(FILE, {"measures": ("pair_accuracy",)}),
    },
    "replacement": {
        "targets": Other(("down", "mlp")),
        "mapping": Other("previous"),
        "measures": Other(("kl",)),
        "pairs": Other(FILE, {"measures": ("pair_accuracy",)}),
    },
    "states": {},
    "cka": {"minibatch_tokens": Other(8)},
    "heads": {"kept_fraction": Other(0.75), "signature": Other("contribution")},
    "neuron-matching": {
        "mapping": Other("all-pairs"),
        "threshold": Other(0.1),
        "assignment": Other("greedy"),
        "evaluate": Other(False),
    },
    "low-rank-start": {
        "matrices": Other(("*.2.mlp.*",)),
        "starts": Other(("whitened", "svd")),
        "ratio": Other(0.25),
        "steps": Other(3),
        "learning_rate": Other(0.01),
        "objective": Other("tensor"),
    },
}


def test_every_option_has_another_value() -> None:
    assert {name: {*others} for name, others in OTHERS.items()} == {
        analysis.name: {each.name for each in fields(analysis.options)} for analysis in ANALYSES
    }


@pytest.mark.parametrize(("name", "option"), [(name, option) for name, others in OTHERS.items() for option in others])
def test_an_option_changes_numbers_if_and_only_if_it_is_part_of_the_key(
    checkpoints: dict[str, Path],
    dense_models: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    option: str,
) -> None:
    """A component that is finished is not measured again: under one key it has to be the same whatever was chosen."""
    model = copy.deepcopy(dense_models["llama"])
    monkeypatch.setattr("pruning.evaluation.pairs.REFERENCE_PAIRS", 6)
    model.name_or_path = str(checkpoints["llama"])
    other = OTHERS[name][option]
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"good": "the", "bad": "."}\n{"good": "the the .", "bad": ". the the"}\n')
    value = str(file) if other.value == FILE else other.value
    steps = step_of(name, **other.given), step_of(name, **other.given, **{option: value})
    one, two = (findings(subject_of(model), step) for step in steps)
    shared = one.keys() & two.keys()
    assert shared
    same = all(one[component] == two[component] for component in shared)
    keys = {specification(step).key for step in steps}
    assert (same, len(keys)) == ((False, 2) if option in ANALYSES[name].fixed else (True, 1))


def specification(step: Step) -> Specification:
    return order_for(ModelIdentity("m", "directory", "1"), step, {}, seed=0, device="cpu").specification


def test_a_file_counts_by_its_content_and_not_by_its_path(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.jsonl", "copy.jsonl", "other.jsonl")]
    for file, text in zip(files, ("a", "a", "b"), strict=True):
        file.write_text(text)
    found = [specification(step_of("ablation", pairs=str(file))) for file in files]
    assert found[0].key == found[1].key != found[2].key
    assert str(tmp_path) not in found[0].settings
    with pytest.raises(UsageError, match="expected a file in"):
        specification(step_of("ablation", pairs=str(tmp_path / "absent")))
