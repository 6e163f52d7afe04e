"""Tiny models of many types with what there is to find in each, written by hand from their configs and code."""

from dataclasses import dataclass, field, replace
from typing import Any

from pruning.methods import METHODS

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
EXPERTS = r"mixture of 4 experts"
NO_TEXT_MODEL = r"one stack of layers"


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
    """A tiny config, its class, what is in its stacks, and which methods refuse it with which words.

    `zeroed`: neurons are set to zero, because the config has no field for the width.
    """

    model_type: str
    config: dict[str, Any]
    model_class: str
    stacks: dict[str, Found]
    tied: bool = False
    refused: dict[str, str] = field(default_factory=dict)
    zeroed: bool = False


LLAMA = Found((4, 2, 8), gated=True, positions=("rotary",))
WIDE = Found((4, 2, 16), gated=True, positions=("rotary",))
BERT = Found(bias=True)
# The methods that look at text, by scope.
CALIBRATED_WEIGHTS = tuple(method.name for method in METHODS if method.calibrated and method.scope == "weight")
# The methods on layers: those that share them, those that take them out, those that look at text.
LAYERS = tuple(method.name for method in METHODS if method.scope == "layer")
SHARING = tuple(name for name in LAYERS if name.startswith("share-"))
CUTTING = tuple(name for name in LAYERS if name not in SHARING)
CALIBRATED_LAYERS = tuple(method.name for method in METHODS if method.calibrated and method.scope == "layer")
NEXT_TOKEN = tuple(method.name for method in METHODS if method.next_token)
EXPERT_REFUSALS = {
    **dict.fromkeys(CALIBRATED_WEIGHTS, "experts are stacked and see some"),
    "mlp-random": EXPERTS,
    "mlp-maxmin": EXPERTS,
}
UNCALIBRATED = dict.fromkeys((*CALIBRATED_WEIGHTS, *CALIBRATED_LAYERS), NO_TEXT_MODEL)
# Matrices that read relative positions see no tokens to calibrate with.
POSITION_REFUSALS = dict.fromkeys(CALIBRATED_WEIGHTS, "to leave padding out")
DEPTH_REFUSALS = {
    **dict.fromkeys(CUTTING, "config cannot say|cannot build"),
    **UNCALIBRATED,
}


def _but(refused: dict[str, str], *names: str) -> dict[str, str]:
    """Return the refusals but those of some methods, which here take a layer that can go."""
    return {name: why for name, why in refused.items() if name not in names}


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
        zeroed=True,
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
        refused=_but(dict.fromkeys(LAYERS, "attention.dense_bias"), "depth-last-but-final", "depth-greedy"),
        zeroed=True,
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
        zeroed=True,
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
        zeroed=True,
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
        "mixtral",
        {**GROUPED, "num_local_experts": 4},
        "MixtralForCausalLM",
        {"decoder": _mixture(4, 48)},
        refused=EXPERT_REFUSALS,
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
        refused=EXPERT_REFUSALS,
    ),
    "qwen3_moe": Architecture(
        "qwen3_moe",
        {**GROUPED, "head_dim": 8, "moe_intermediate_size": 24, "num_experts": 4, "num_experts_per_tok": 2},
        "Qwen3MoeForCausalLM",
        {"decoder": _mixture(4, 24)},
        refused=EXPERT_REFUSALS,
    ),
    "gpt_oss": Architecture(
        "gpt_oss",
        {**GROUPED, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
        "GptOssForCausalLM",
        {"decoder": _mixture(4, 48, bias=True)},
        refused=EXPERT_REFUSALS,
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
        refused=POSITION_REFUSALS,
    ),
    "deberta": Architecture(
        "deberta",
        {**PLAIN, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "max_relative_positions": 32},
        "DebertaForMaskedLM",
        {"encoder": Found((4, 4, 8), "interleaved", positions=("relative",))},
        tied=True,
        refused=POSITION_REFUSALS,
    ),
    "albert": Architecture(
        "albert",
        {**PLAIN, "embedding_size": 16},
        "AlbertForMaskedLM",
        {"encoder": Found(bias=True, layers=1)},
        tied=True,
        refused=dict.fromkeys(LAYERS, "share the weights of 1"),
    ),
    "modernbert": Architecture(
        "modernbert",
        PLAIN,
        "ModernBertForMaskedLM",
        {"encoder": Found((4, 4, 8), "fused", gated=True, fused_mlp=True, positions=("rotary",))},
        tied=True,
        refused=dict.fromkeys(("depth-last-but-final", *SHARING), "attn_norm"),
    ),
    "vit": Architecture("vit", PICTURE, "ViTForImageClassification", {"encoder": BERT}, refused=UNCALIBRATED),
    "dinov2": Architecture(
        "dinov2",
        {**PICTURE, "mlp_ratio": 2},
        "Dinov2ForImageClassification",
        {"encoder": Found(bias=True, width=64)},
        refused=DEPTH_REFUSALS,
        zeroed=True,
    ),
    "t5": Architecture(
        "t5",
        {**T5, "num_decoder_layers": 3},
        "T5ForConditionalGeneration",
        {
            "encoder": Found(positions=("relative",)),
            "decoder": Found(positions=("relative",), cross=True, layers=3),
        },
        tied=True,
        refused={**UNCALIBRATED, "share-random": "relative_attention_bias"},
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
        refused={
            **UNCALIBRATED,
            **dict.fromkeys(("depth-last-but-final", "share-random"), "relative_attention_bias"),
        },
    ),
    "bart": Architecture(
        "bart",
        {**SEQUENCE, "max_position_embeddings": 64, "decoder_start_token_id": 2},
        "BartForConditionalGeneration",
        {"encoder": BERT, "decoder": Found((2, 2, 16), bias=True, cross=True, width=40)},
        tied=True,
        refused=UNCALIBRATED,
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
        refused=UNCALIBRATED,
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
        refused=UNCALIBRATED,
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
        refused=UNCALIBRATED,
    ),
}


def _with_next_token(row: Architecture) -> Architecture:
    """A model without a decoder also refuses what measures the prediction of the next token."""
    if "decoder" in row.stacks:
        return row
    return replace(row, refused={**dict.fromkeys(NEXT_TOKEN, "next token"), **row.refused})


ARCHITECTURES = {name: _with_next_token(row) for name, row in ARCHITECTURES.items()}


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
