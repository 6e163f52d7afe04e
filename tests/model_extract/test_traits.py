"""Traits of known architectures, as their papers and model cards state them."""

import pytest

from tests.model_extract.structure_oracles import build

LLAMA_3 = {"model_type": "llama", "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 1}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            LLAMA_3,
            {
                "activation": "silu",
                "attention_heads": "32",
                "causal": "true",
                "is_encoder_decoder": "false",
                "kv_group_ratio": "4",
                "modality": "text",
                "norm": "rms",
                "position": "rotary",
                "tied_embeddings": "false",
            },
        ),
        ({"model_type": "mistral", "sliding_window": 4096}, {"sliding_window": "4096"}),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": False}, {"sliding_window": None}),
        ({"model_type": "mixtral"}, {"experts": "8", "experts_per_token": "2"}),
        ({"model_type": "bloom"}, {"position": "alibi", "causal": "true", "norm": "layer", "tied_embeddings": "true"}),
        ({"model_type": "gpt2"}, {"position": "learned", "activation": "gelu_new", "experts": None}),
        ({"model_type": "bert"}, {"position": "learned", "causal": "false", "attention_heads": "12"}),
        ({"model_type": "t5"}, {"position": "relative", "is_encoder_decoder": "true"}),
        ({"model_type": "resnet"}, {"norm": "batch", "modality": "image", "position": "none", "causal": "false"}),
        ({"model_type": "clip"}, {"modality": "image+text", "tied_embeddings": None}),
        ({"model_type": "whisper"}, {"modality": "audio", "is_encoder_decoder": "true"}),
        ({"model_type": "gemma2"}, {"attention_pattern": "full_attention+sliding_attention"}),
        ({"model_type": "embedding_gemma2"}, {"kv_group_ratio": None, "position": "rotary"}),
    ],
    ids=lambda value: value.get("model_type") if isinstance(value, dict) else None,
)
def test_traits(config: dict, expected: dict[str, str | None]) -> None:
    traits = build(config).traits
    assert {name: traits.get(name) for name in expected} == expected
    assert [*traits] == sorted(traits)
