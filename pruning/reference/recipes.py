"""The five reference models as data: one architecture of each kind that adapters have to tell apart.

They are narrow on purpose, so that pruning has something to destroy. A llama of width 96 lost 3 % of perplexity without
the smaller half of its weights and as much without its two middle layers; at a width of 48 it loses 17 % and 82 %.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import unknown_name
from pruning.reference.vocabulary import BOS_ID, EOS_ID, PAD_ID, VOCABULARY

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

CONTEXT_TOKENS = 128
"""The longest window in training, BOS included."""

WIDTH, LAYERS, HEADS = 48, 8, 6


@dataclass(frozen=True)
class Recipe:
    """What a model is and how it is trained."""

    name: str
    model_type: str
    """The transformers model type."""
    special: str
    """What sets this architecture apart, in a phrase."""
    architecture: dict[str, object]
    """Config fields besides the shared ones."""
    initial_deviation: float
    """Standard deviation of the initial weights; the usual 0.02 is too small for a width of 96."""
    learning_rate: float
    """Peak rate of AdamW for embeddings, biases and norms; matrices take `MATRIX_RATE_FACTOR` times as much."""
    steps: int
    learned_positions: str | None = None
    """The module of learned position embeddings, if there is one; it starts as sinusoids (see training.py)."""


RECIPES: tuple[Recipe, ...] = (
    Recipe(
        name="llama",
        model_type="llama",
        special="grouped-query attention (6 heads, 3 key-value heads), rotary positions, gated SiLU MLP, RMS norm",
        architecture={
            "hidden_size": WIDTH,
            "intermediate_size": 96,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": 3,
            "max_position_embeddings": CONTEXT_TOKENS,
        },
        initial_deviation=0.1,
        learning_rate=0.008,
        steps=2000,
    ),
    Recipe(
        name="gpt2",
        model_type="gpt2",
        special="Conv1D projections, fused query-key-value, learned positions, GELU MLP",
        architecture={
            "n_embd": WIDTH,
            "n_inner": 144,
            "n_layer": LAYERS,
            "n_head": HEADS,
            "n_positions": CONTEXT_TOKENS,
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
        },
        initial_deviation=0.1,
        learning_rate=0.008,
        steps=3000,
        learned_positions="transformer.wpe",
    ),
    Recipe(
        name="opt",
        model_type="opt",
        special="separate projections with biases, learned positions, ReLU MLP",
        architecture={
            "hidden_size": WIDTH,
            "word_embed_proj_dim": WIDTH,
            "ffn_dim": 144,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "max_position_embeddings": CONTEXT_TOKENS,
            "dropout": 0.0,
            "attention_dropout": 0.0,
            "layerdrop": 0.0,
        },
        initial_deviation=0.1,
        learning_rate=0.008,
        steps=4500,
        learned_positions="model.decoder.embed_positions",
    ),
    Recipe(
        name="bloom",
        model_type="bloom",
        special="ALiBi positions, query-key-value fused and interleaved by head, GELU MLP, norm after the embeddings",
        architecture={
            "hidden_size": WIDTH,
            "n_layer": LAYERS,
            "n_head": HEADS,
            "hidden_dropout": 0.0,
            "attention_dropout": 0.0,
        },
        initial_deviation=0.1,
        learning_rate=0.008,
        steps=2000,
    ),
    Recipe(
        name="gpt_neox",
        model_type="gpt_neox",
        special="rotary positions on half of each head, fused query-key-value, attention and MLP in parallel, GELU MLP",
        architecture={
            "hidden_size": WIDTH,
            "intermediate_size": 144,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "max_position_embeddings": CONTEXT_TOKENS,
            "rotary_pct": 0.5,
            "hidden_dropout": 0.0,
            "attention_dropout": 0.0,
        },
        initial_deviation=0.1,
        learning_rate=0.008,
        steps=2000,
    ),
)


def recipe_named(name: str) -> Recipe:
    """The recipe of a model. Raises UsageError with near matches for an unknown name."""
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise unknown_name("reference model", name, [recipe.name for recipe in RECIPES])


def build_config(recipe: Recipe) -> "PreTrainedConfig":
    """The transformers config: the recipe's fields and what all five share (vocabulary, tied embeddings)."""
    from transformers import AutoConfig

    return AutoConfig.for_model(
        recipe.model_type,
        **recipe.architecture,
        vocab_size=len(VOCABULARY),
        tie_word_embeddings=True,
        initializer_range=recipe.initial_deviation,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        pad_token_id=PAD_ID,
    )
