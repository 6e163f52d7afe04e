"""Tiny models of many types with what there is to find in each, written by hand from their configs and code."""

from dataclasses import dataclass
from typing import Any

TOKENS = {"vocab_size": 99, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
PLAIN = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 66,
}
GROUPED = {**PLAIN, "num_key_value_heads": 2}
OLD = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
PICTURE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 16,
    "patch_size": 8,
}
SEQUENCE = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 40,
}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}


@dataclass(frozen=True)
class Found:
    """What is in each layer of a stack. `heads` are (query heads, key-value heads, width of a head)."""

    heads: tuple[int, int, int] = (4, 4, 8)
    layout: str = "split"
    gated: bool = False
    fused_mlp: bool = False
    width: int | None = 48
    positions: tuple[str, ...] = ("learned",)
    layers: int = 2
    cross: bool = False
    parallel: bool = False
    bias: bool = False
    experts: tuple[int, int, int] | None = None  # how many, their width, how many a token
    shared_expert: int | None = None


@dataclass(frozen=True)
class Architecture:
    """A tiny config, its class and what is in its stacks."""

    model_type: str
    config: dict[str, Any]
    model_class: str
    stacks: dict[str, Found]
    tied: bool = False


LLAMA = Found((4, 2, 8), gated=True, positions=("rotary",))
WIDE = Found((4, 2, 16), gated=True, positions=("rotary",))
BERT = Found(bias=True)


def _mixture(count: int, width: int, shared: int | None = None, bias: bool = False) -> Found:
    return Found(
        (4, 2, 8), width=None, positions=("rotary",), experts=(count, width, 2), shared_expert=shared, bias=bias
    )


ARCHITECTURES = {
    "llama": Architecture("llama", GROUPED, "LlamaForCausalLM", {"decoder": LLAMA}),
    "mistral": Architecture("mistral", GROUPED, "MistralForCausalLM", {"decoder": LLAMA}),
    "qwen2": Architecture(
        "qwen2",
        GROUPED,
        "Qwen2ForCausalLM",
        {"decoder": Found((4, 2, 8), "split", True, bias=True, positions=("rotary",))},
    ),
    "qwen3": Architecture("qwen3", {**GROUPED, "head_dim": 16}, "Qwen3ForCausalLM", {"decoder": WIDE}),
    "gemma": Architecture("gemma", {**GROUPED, "head_dim": 16}, "GemmaForCausalLM", {"decoder": WIDE}, tied=True),
    "gemma2": Architecture("gemma2", {**GROUPED, "head_dim": 16}, "Gemma2ForCausalLM", {"decoder": WIDE}, tied=True),
    "gemma3_text": Architecture(
        "gemma3_text", {**GROUPED, "head_dim": 16}, "Gemma3ForCausalLM", {"decoder": WIDE}, tied=True
    ),
    "phi": Architecture(
        "phi", PLAIN, "PhiForCausalLM", {"decoder": Found(positions=("rotary",), parallel=True, bias=True)}
    ),
    "phi3": Architecture(
        "phi3",
        GROUPED,
        "Phi3ForCausalLM",
        {"decoder": Found((4, 2, 8), "fused", gated=True, fused_mlp=True, positions=("rotary",))},
    ),
    "gpt2": Architecture(
        "gpt2", OLD, "GPT2LMHeadModel", {"decoder": Found((4, 4, 8), "fused", width=128, bias=True)}, tied=True
    ),
    "openai-gpt": Architecture(
        "openai-gpt",
        OLD,
        "OpenAIGPTLMHeadModel",
        {"decoder": Found((4, 4, 8), "fused", width=128, bias=True)},
        tied=True,
    ),
    "imagegpt": Architecture(
        "imagegpt",
        OLD,
        "ImageGPTForCausalImageModeling",
        {"decoder": Found((4, 4, 8), "fused", width=128, bias=True)},
    ),
    "persimmon": Architecture(
        "persimmon",
        PLAIN,
        "PersimmonForCausalLM",
        {"decoder": Found((4, 4, 8), "interleaved", positions=("rotary",), bias=True)},
    ),
    "gpt_neox_japanese": Architecture(
        "gpt_neox_japanese",
        {
            "hidden_size": 32,
            "intermediate_multiple_size": 2,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 64,
        },
        "GPTNeoXJapaneseForCausalLM",
        {"decoder": Found((4, 4, 8), "interleaved", width=64, positions=("rotary",))},
        tied=True,
    ),
    "gpt_neo": Architecture(
        "gpt_neo",
        {
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "intermediate_size": 48,
            "max_position_embeddings": 64,
        },
        "GPTNeoForCausalLM",
        {"decoder": Found()},
        tied=True,
    ),
    "gptj": Architecture(
        "gptj",
        {**OLD, "rotary_dim": 4},
        "GPTJForCausalLM",
        {"decoder": Found(width=128, positions=("rotary",), parallel=True)},
    ),
    "gpt_neox": Architecture(
        "gpt_neox",
        PLAIN,
        "GPTNeoXForCausalLM",
        {"decoder": Found((4, 4, 8), "interleaved", positions=("rotary",), parallel=True, bias=True)},
    ),
    "gpt_neox-sequential": Architecture(
        "gpt_neox",
        {**PLAIN, "use_parallel_residual": False},
        "GPTNeoXForCausalLM",
        {"decoder": Found((4, 4, 8), "interleaved", positions=("rotary",), bias=True)},
    ),
    "opt": Architecture(
        "opt",
        {
            "hidden_size": 32,
            "ffn_dim": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "word_embed_proj_dim": 32,
            "max_position_embeddings": 64,
        },
        "OPTForCausalLM",
        {"decoder": Found(bias=True)},
        tied=True,
    ),
    "bloom": Architecture(
        "bloom",
        {"hidden_size": 32, "n_layer": 2, "n_head": 4},
        "BloomForCausalLM",
        {"decoder": Found((4, 4, 8), "interleaved", width=128, positions=("alibi",), bias=True)},
        tied=True,
    ),
    "falcon-7b": Architecture(
        "falcon",
        {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_hidden_size": 48},
        "FalconForCausalLM",
        {"decoder": Found((4, 1, 8), "multi-query", positions=("rotary",), parallel=True)},
        tied=True,
    ),
    "falcon-40b": Architecture(
        "falcon",
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_kv_heads": 2,
            "ffn_hidden_size": 48,
            "new_decoder_architecture": True,
        },
        "FalconForCausalLM",
        {"decoder": Found((4, 2, 8), "interleaved", positions=("rotary",), parallel=True)},
        tied=True,
    ),
    "falcon-rw": Architecture(
        "falcon",
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "ffn_hidden_size": 48,
            "multi_query": False,
            "alibi": True,
            "parallel_attn": False,
            "bias": True,
        },
        "FalconForCausalLM",
        {"decoder": Found((4, 4, 8), "interleaved", positions=("alibi",), bias=True)},
        tied=True,
    ),
    "mpt": Architecture(
        "mpt",
        {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64},
        "MptForCausalLM",
        {"decoder": Found((4, 4, 8), "fused", width=128, positions=("alibi",))},
        tied=True,
    ),
    "stablelm": Architecture("stablelm", GROUPED, "StableLmForCausalLM", {"decoder": LLAMA}),
    "olmo2": Architecture("olmo2", GROUPED, "Olmo2ForCausalLM", {"decoder": LLAMA}),
    "starcoder2": Architecture(
        "starcoder2",
        GROUPED,
        "Starcoder2ForCausalLM",
        {"decoder": Found((4, 2, 8), positions=("rotary",), bias=True)},
        tied=True,
    ),
    "cohere": Architecture(
        "cohere",
        GROUPED,
        "CohereForCausalLM",
        {"decoder": Found((4, 2, 8), gated=True, positions=("rotary",), parallel=True)},
        tied=True,
    ),
    "granite": Architecture("granite", GROUPED, "GraniteForCausalLM", {"decoder": LLAMA}),
    "gpt_bigcode": Architecture(
        "gpt_bigcode",
        OLD,
        "GPTBigCodeForCausalLM",
        {"decoder": Found((4, 1, 8), "multi-query", width=128, bias=True)},
        tied=True,
    ),
    "gpt_bigcode-heads": Architecture(
        "gpt_bigcode",
        {**OLD, "multi_query": False},
        "GPTBigCodeForCausalLM",
        {"decoder": Found((4, 4, 8), "interleaved", width=128, bias=True)},
        tied=True,
    ),
    "codegen": Architecture(
        "codegen",
        {**OLD, "rotary_dim": 4},
        "CodeGenForCausalLM",
        {"decoder": Found((4, 4, 8), "unknown", width=128, positions=("rotary",), parallel=True)},
    ),
    "xglm": Architecture(
        "xglm",
        {"d_model": 32, "ffn_dim": 48, "num_layers": 2, "attention_heads": 4, "max_position_embeddings": 64},
        "XGLMForCausalLM",
        {"decoder": Found(positions=("sinusoidal",), bias=True)},
        tied=True,
    ),
    "mixtral": Architecture(
        "mixtral", {**GROUPED, "num_local_experts": 4}, "MixtralForCausalLM", {"decoder": _mixture(4, 48)}
    ),
    "qwen2_moe": Architecture(
        "qwen2_moe",
        {
            **GROUPED,
            "moe_intermediate_size": 24,
            "shared_expert_intermediate_size": 40,
            "num_experts": 4,
            "num_experts_per_tok": 2,
        },
        "Qwen2MoeForCausalLM",
        {"decoder": _mixture(4, 24, 40, bias=True)},
    ),
    "qwen3_moe": Architecture(
        "qwen3_moe",
        {**GROUPED, "head_dim": 8, "moe_intermediate_size": 24, "num_experts": 4, "num_experts_per_tok": 2},
        "Qwen3MoeForCausalLM",
        {"decoder": _mixture(4, 24)},
    ),
    "gpt_oss": Architecture(
        "gpt_oss",
        {**GROUPED, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
        "GptOssForCausalLM",
        {"decoder": _mixture(4, 48, bias=True)},
    ),
    "bert": Architecture("bert", PLAIN, "BertForMaskedLM", {"encoder": BERT}, tied=True),
    "roberta": Architecture("roberta", PLAIN, "RobertaForMaskedLM", {"encoder": BERT}, tied=True),
    "distilbert": Architecture(
        "distilbert",
        {"dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4, "max_position_embeddings": 64},
        "DistilBertForMaskedLM",
        {"encoder": BERT},
        tied=True,
    ),
    "electra": Architecture(
        "electra", {**PLAIN, "embedding_size": 16}, "ElectraForMaskedLM", {"encoder": BERT}, tied=True
    ),
    "deberta-v2": Architecture(
        "deberta-v2",
        {**PLAIN, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "max_relative_positions": 32},
        "DebertaV2ForMaskedLM",
        {"encoder": Found(positions=("relative",), bias=True)},
        tied=True,
    ),
    "deberta": Architecture(
        "deberta",
        {**PLAIN, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "max_relative_positions": 32},
        "DebertaForMaskedLM",
        {"encoder": Found((4, 4, 8), "interleaved", positions=("relative",))},
        tied=True,
    ),
    "albert": Architecture(
        "albert",
        {**PLAIN, "embedding_size": 16},
        "AlbertForMaskedLM",
        {"encoder": Found(bias=True, layers=1)},
        tied=True,
    ),
    "modernbert": Architecture(
        "modernbert",
        PLAIN,
        "ModernBertForMaskedLM",
        {"encoder": Found((4, 4, 8), "fused", gated=True, fused_mlp=True, positions=("rotary",))},
        tied=True,
    ),
    "vit": Architecture("vit", PICTURE, "ViTForImageClassification", {"encoder": BERT}),
    "dinov2": Architecture(
        "dinov2", {**PICTURE, "mlp_ratio": 2}, "Dinov2ForImageClassification", {"encoder": Found(bias=True, width=64)}
    ),
    "t5": Architecture(
        "t5",
        # The encoder is the deeper one: transformers 5.23 makes the decoder's cache as deep as the encoder.
        {**T5, "num_layers": 3, "num_decoder_layers": 2},
        "T5ForConditionalGeneration",
        {
            "encoder": Found(positions=("relative",), layers=3),
            "decoder": Found(positions=("relative",), cross=True),
        },
        tied=True,
    ),
    "mt5": Architecture(
        "mt5",
        T5,
        "MT5ForConditionalGeneration",
        {
            "encoder": Found(gated=True, positions=("relative",)),
            "decoder": Found(gated=True, positions=("relative",), cross=True),
        },
        tied=True,
    ),
    "bart": Architecture(
        "bart",
        {**SEQUENCE, "max_position_embeddings": 64, "decoder_start_token_id": 2},
        "BartForConditionalGeneration",
        {"encoder": BERT, "decoder": Found((2, 2, 16), bias=True, cross=True, width=40)},
        tied=True,
    ),
    "whisper": Architecture(
        "whisper",
        {
            **SEQUENCE,
            "max_source_positions": 20,
            "max_target_positions": 20,
            "num_mel_bins": 8,
            "decoder_start_token_id": 1,
        },
        "WhisperForConditionalGeneration",
        {"encoder": BERT, "decoder": Found((2, 2, 16), bias=True, cross=True, width=40)},
        tied=True,
    ),
    "clip": Architecture(
        "clip",
        {
            "text_config": {**PLAIN, **TOKENS},
            "vision_config": {**PICTURE, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 40},
            "projection_dim": 16,
        },
        "CLIPModel",
        {"text": BERT, "vision": Found((2, 2, 16), bias=True, layers=3, width=40)},
    ),
    "llava": Architecture(
        "llava",
        {
            "text_config": {**GROUPED, "model_type": "llama", "vocab_size": 99},
            "vision_config": {**PICTURE, "model_type": "clip_vision_model", "num_hidden_layers": 3},
            "image_token_index": 98,
        },
        "LlavaForConditionalGeneration",
        {"vision": Found(bias=True, layers=3), "decoder": LLAMA},
    ),
    "wav2vec2": Architecture(
        "wav2vec2",
        {
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "conv_dim": [8, 8],
            "conv_stride": [4, 2],
            "conv_kernel": [4, 2],
            "num_conv_pos_embeddings": 4,
            "num_conv_pos_embedding_groups": 2,
        },
        "Wav2Vec2ForCTC",
        {"encoder": Found(bias=True, positions=())},
    ),
}


def build_tiny(name: str) -> Any:
    """Return the model with random weights that all matter, biases and norms too."""
    import torch
    import transformers

    row = ARCHITECTURES[name]
    # Composed configs have their tokens in their parts.
    tokens = {} if "vision_config" in row.config else TOKENS
    config = transformers.AutoConfig.for_model(row.model_type, **tokens, **row.config)
    torch.manual_seed(0)
    model = getattr(transformers, row.model_class)(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model
