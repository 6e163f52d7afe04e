"""Experts that no token uses leave no trace when they go, whatever the router; what cannot go is named."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from pruning import inspect, prune
from pruning.adapters import ExpertParts
from pruning.checkpoint import save_checkpoint
from pruning.errors import RatioTooSmallError, UnsupportedModelError
from pruning.methods import PruningRequest
from pruning.methods.experts_use import expert_use
from pruning.models import load_model
from tests.pruning.architectures import GROUPED, TOKENS, build_tiny

DEEPSEEK = {
    **GROUPED,
    "num_key_value_heads": 4,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "first_k_dense_replace": 1,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
}
OTHERS: dict[str, dict[str, Any]] = {
    "olmoe": {**GROUPED, "num_experts": 4, "num_experts_per_tok": 2},
    "granitemoe": {**GROUPED, "num_local_experts": 4, "num_experts_per_tok": 2},
    "phimoe": {**GROUPED, "num_local_experts": 4, "num_experts_per_tok": 2},
    "hunyuan_v1_moe": {**GROUPED, "num_experts": 4, "moe_topk": 2, "head_dim": 8},
    "ernie4_5_moe": {**GROUPED, "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 24},
    "deepseek_v2": DEEPSEEK,
    "deepseek_v3": {**DEEPSEEK, "n_group": 2, "topk_group": 1},
}
TYPES = ("mixtral", "qwen2_moe", "qwen3_moe", "gpt_oss", *OTHERS)
WINDOWS = tuple(tuple(3 + (place * step) % 96 for place in range(40 - step)) for step in (1, 5, 7, 11))


def build(name: str, **changes: Any) -> Any:
    if name not in OTHERS:
        return build_tiny(name)
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **TOKENS, **OTHERS[name], **changes)).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model


def mixtures(model: Any) -> list[ExpertParts]:
    return [layer.experts for layer in inspect(model).layers if layer.experts]


def avoid(model: Any, unused: list[set[int]]) -> None:
    """Let the first feature of the state be one large constant, by which the router avoids some experts."""
    with torch.no_grad():
        model.get_input_embeddings().weight[:, 0] = 5
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight", "o_proj.bias")):
                parameter[0] = 0
            elif name.endswith("norm.weight"):
                parameter[0] = 1
            elif name.endswith(("down_proj_bias", "norm.bias")):
                parameter[..., 0] = 0 if "proj" in name else 1
        for experts, avoided in zip(mixtures(model), unused, strict=True):
            for matrix in experts.matrices:
                if matrix.parameter == experts.parameters[-1]:
                    weight = matrix.weight(model)
                    (weight.T if matrix.transposed else weight)[0] = 0
            router = model.get_submodule(experts.router).weight
            router[:, 0] = 0
            router[list(avoided), 0] = -1e4


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=torch.tensor([WINDOWS[0]]), use_cache=False).logits


@pytest.mark.parametrize("method", ["experts-use", "experts-random"])
@pytest.mark.parametrize("name", TYPES)
def test_experts_that_no_token_uses_leave_no_trace(name: str, method: str, tmp_path: Path) -> None:
    """The random method is asked first which experts it takes; the other takes the first of those not used."""
    model = build(name)
    groups = getattr(model.config, "n_group", None) or 1
    size = mixtures(model)[0].count // groups
    count = round(0.25 * size)
    unused = [{group * size + each for group in range(groups) for each in range(count)} for _ in mixtures(model)]
    if method == "experts-random":
        unused = [*map(set, prune(copy.deepcopy(model), method, 0.25, seed=3).removal.experts)]
    avoid(model, unused)
    before, parameters = logits(model), sum(each.numel() for each in model.parameters())
    pruned = prune(model, method, 0.25, calibration=WINDOWS, seed=3)
    assert [*map(set, pruned.removal.experts)] == unused
    assert pruned.removal.physical
    assert (pruned.removal.removed, pruned.removal.total) == (
        len(unused) * groups * count,
        len(unused) * groups * size,
    )
    assert torch.allclose(logits(model), before, atol=1e-5)
    assert sum(each.numel() for each in model.parameters()) < parameters * 0.95
    assert {experts.count for experts in mixtures(model)} == {groups * (size - count)}
    save_checkpoint(model, tmp_path, tmp_path / "saved", dtype=torch.float32, card="")
    assert torch.allclose(logits(load_model(tmp_path / "saved")), before, atol=1e-5)


def test_use_is_what_the_routers_choose() -> None:
    """Counted from the routers' own logits, window by window; padding counts nowhere."""
    model = build("mixtral")
    expected = torch.zeros(2, 4, dtype=torch.float64)
    for window in WINDOWS:
        with torch.inference_mode():
            answer = model(input_ids=torch.tensor([window]), output_router_logits=True)
        for layer, scores in enumerate(answer.router_logits):
            assert len(scores) == len(window)
            for row in scores.tolist():
                for expert in sorted(range(4), key=lambda each: -row[each])[:2]:
                    expected[layer, expert] += 1
    found = expert_use(PruningRequest(model, inspect(model), 0.25, WINDOWS, 0))
    assert torch.equal(torch.stack([*found.values()]), expected)
    removed = prune(model, "experts-use", 0.5, calibration=WINDOWS).removal.experts
    assert [set(each) for each in removed] == [set(row.argsort(stable=True)[:2].tolist()) for row in expected]


def test_every_group_of_experts_loses_as_many() -> None:
    model = build("deepseek_v3")
    (removed,) = prune(model, "experts-random", 0.5, seed=1).removal.experts
    assert [sum(index // 4 == group for index in removed) for group in range(2)] == [2, 2]
    assert model.model.layers[1].mlp.gate.num_experts == model.config.n_routed_experts == 4
    assert model.model.layers[1].mlp.gate.e_score_correction_bias.shape == (4,)
    logits(model)
    with pytest.raises(UnsupportedModelError, match=r"of 2 groups of 2 experts it needs 2 in each"):
        prune(model, "experts-random", 0.5)


def test_as_many_stay_as_a_token_uses() -> None:
    model = build("mixtral")
    with pytest.raises(RatioTooSmallError, match=r"ratio 0\.1 of 4 experts .* at least 0\.125"):
        prune(model, "experts-random", 0.1)
    pruned = prune(model, "experts-random", 0.9)
    assert pruned.achieved_ratio == 0.5
    assert (model.config.num_local_experts, model.num_experts) == (2, 2)
    with pytest.raises(UnsupportedModelError, match="of 1 groups of 2 experts it needs 2"):
        prune(model, "experts-random", 0.25)


def test_generation_with_a_cache_after_experts_are_gone() -> None:
    model = build("qwen3_moe")
    prune(model, "experts-use", 0.5, calibration=WINDOWS)
    texts = [
        model.generate(torch.tensor([[5, 6, 7]]), do_sample=False, min_new_tokens=6, max_new_tokens=6, use_cache=cached)
        for cached in (True, False)
    ]
    assert torch.equal(*texts)


def test_a_count_that_the_config_does_not_name_is_refused_and_nothing_changed() -> None:
    model = build("mixtral")
    model.config.num_local_experts = 5
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(UnsupportedModelError, match="a field of the config that counts the 4 experts"):
        prune(model, "experts-random", 0.25)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_model_that_hides_the_choice_is_refused_by_use_only() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "llama4_text", **TOKENS, **GROUPED, num_local_experts=4, num_experts_per_tok=1, head_dim=8,
        intermediate_size_mlp=48,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config).eval()
    with pytest.raises(UnsupportedModelError, match="looked for the 1 experts that each token uses"):
        prune(model, "experts-use", 0.25, calibration=WINDOWS)
    assert prune(model, "experts-random", 0.25).removal.removed == 2
    assert logits(model).isfinite().all()


class ListedConfig(PreTrainedConfig):
    """How many experts a model with lists of them has."""

    model_type = "listed"

    def __init__(self, num_experts: int = 4, **others: Any) -> None:
        super().__init__(**others)
        self.hidden_size, self.num_experts, self.num_experts_per_tok, self.vocab_size = 16, num_experts, 1, 99


class ListedLayer(torch.nn.Module):
    """Experts in a ModuleList, as checkpoints with code of their own have them."""

    def __init__(self, config: ListedConfig) -> None:
        super().__init__()
        self.experts = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.Linear(16, 24), torch.nn.ReLU(), torch.nn.Linear(24, 16))
            for _ in range(config.num_experts)
        )
        self.gate = torch.nn.Linear(16, config.num_experts)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        rows = states.reshape(-1, 16)
        chosen = self.gate(rows).argmax(-1)
        answer = torch.zeros_like(rows)
        for index, expert in enumerate(self.experts):
            answer[chosen == index] = expert(rows[chosen == index])
        return states + answer.view_as(states)


class ListedModel(PreTrainedModel):
    """Two such layers between embeddings and a head."""

    config_class = ListedConfig

    def __init__(self, config: ListedConfig) -> None:
        super().__init__(config)
        self.embed = torch.nn.Embedding(99, 16)
        self.layers = torch.nn.ModuleList(ListedLayer(config) for _ in range(2))
        self.head = torch.nn.Linear(16, 99)
        self.post_init()

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.embed

    def forward(self, input_ids: torch.Tensor, use_cache: bool = False) -> CausalLMOutput:
        states = self.embed(input_ids)
        for layer in self.layers:
            states = layer(states)
        return CausalLMOutput(logits=self.head(states))


@pytest.mark.parametrize("method", ["experts-use", "experts-random"])
def test_experts_in_a_list(method: str) -> None:
    torch.manual_seed(0)
    model: Any = ListedModel(ListedConfig()).eval()
    unused = [*map(set, prune(copy.deepcopy(model), "experts-random", 0.25, seed=2).removal.experts)]
    with torch.no_grad():
        for layer, avoided in zip(model.layers, unused, strict=True):
            layer.gate.weight.copy_(torch.randn(4, 16))
            layer.gate.bias[list(avoided)] = -1e4
    use = expert_use(PruningRequest(model, inspect(model), 0.25, WINDOWS, 0))
    assert all(float(counts.sum()) == sum(map(len, WINDOWS)) for counts in use.values())
    before = logits(model)
    assert [*map(set, prune(model, method, 0.25, calibration=WINDOWS, seed=2).removal.experts)] == unused
    assert torch.equal(logits(model), before)
    assert [(len(layer.experts), layer.gate.out_features) for layer in model.layers] == [(3, 3), (3, 3)]
    assert model.config.num_experts == 3
