"""Picomodels: the five families, a few thousand random weights each, with the reference language's tokenizer."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FAMILIES = ("llama", "gpt2", "opt", "bloom", "gpt_neox")
SHAPES: dict[str, dict[str, Any]] = {
    "llama": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
    },
    "gpt2": {"n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 64},
    "opt": {
        "hidden_size": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "word_embed_proj_dim": 32,
        "max_position_embeddings": 64,
    },
    "bloom": {"hidden_size": 32, "n_layer": 4, "n_head": 4},
    "gpt_neox": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
    },
}


def build(family: str, **changes: Any) -> Any:
    """Return a random model whose biases and weights are all well away from zero, so that each part matters."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from pruning.reference.vocabulary import BOS_ID, TOKEN_IDS

    shape = {"vocab_size": len(TOKEN_IDS), "bos_token_id": BOS_ID, "eos_token_id": 2, "pad_token_id": 0}
    config = AutoConfig.for_model(family, **(shape | SHAPES[family] | changes))
    torch.manual_seed(FAMILIES.index(family))
    model = AutoModelForCausalLM.from_config(config).eval()
    generator = torch.Generator().manual_seed(FAMILIES.index(family))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture(scope="session")
def dense_models() -> dict[str, Any]:
    """One model a family; tests take copies. One thread: on small tensors more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)
    return {family: build(family) for family in FAMILIES}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    """Each family in turn."""
    return request.param


@pytest.fixture
def model(dense_models: dict[str, Any], family: str) -> Any:
    """Return a fresh copy of the family's model."""
    return copy.deepcopy(dense_models[family])


@pytest.fixture(scope="session")
def build_model() -> Callable[..., Any]:
    """Return the function that builds a model of a family with changes to its config."""
    return build


@pytest.fixture(scope="session")
def checkpoints(dense_models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The models as checkpoints, stored in fp16 as the reference models are."""
    import torch

    from pruning.checkpoint import write_weights
    from pruning.reference.tokenizer import write_tokenizer

    folder = tmp_path_factory.mktemp("checkpoints")
    for family, dense in dense_models.items():
        write_weights(dense, folder / family, torch.float16)
        write_tokenizer(folder / family, context=64)
    return {family: folder / family for family in FAMILIES}


@pytest.fixture(scope="session")
def windows() -> tuple[tuple[int, ...], ...]:
    """Calibration windows of different lengths."""
    from pruning.texts import reference_text

    found = reference_text("calibration", 6, 64).windows
    return tuple(window[: 20 + 7 * index] for index, window in enumerate(found))
