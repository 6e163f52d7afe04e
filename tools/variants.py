"""The models that `tools.train_variants` trains: the reference recipe at other architectures, sizes and lengths.

Widths are multiples of 8 a head, so that every scope of pruning has units. No two structures are equal: stage process
takes one model of each.
"""

from dataclasses import replace

from pruning.reference.recipes import CONTEXT_TOKENS, Recipe, recipe_named

HEAD_WIDTH = 8
# The other families start and learn like the five; nobody tuned them.
INITIAL_DEVIATION = 0.1
LEARNING_RATE = 0.008


def _sizes(layers: int, width: int, mlp: int) -> dict[str, object]:
    """Return the size fields that most configs share."""
    return {
        "hidden_size": width,
        "intermediate_size": mlp,
        "num_hidden_layers": layers,
        "num_attention_heads": width // HEAD_WIDTH,
        "max_position_embeddings": CONTEXT_TOKENS,
    }


def _grouped(layers: int, width: int, mlp: int) -> dict[str, object]:
    """Return the same with two query heads a key-value head."""
    return {**_sizes(layers, width, mlp), "num_key_value_heads": width // HEAD_WIDTH // 2, "head_dim": HEAD_WIDTH}


def _resized(base: str, steps: int, **sizes: object) -> Recipe:
    """Return a committed recipe at other sizes and another training length."""
    recipe = recipe_named(base)
    name = f"{base}-{'x'.join(str(size) for size in sizes.values())}"
    return replace(recipe, name=name, architecture={**recipe.architecture, **sizes}, steps=steps)


def _other(model_type: str, steps: int, architecture: dict[str, object]) -> Recipe:
    """Return a recipe of an architecture that is not among the five."""
    return Recipe(model_type, model_type, "variant", architecture, INITIAL_DEVIATION, LEARNING_RATE, steps)


VARIANTS: tuple[Recipe, ...] = (
    _other("qwen3", 600, _grouped(6, 48, 96)),
    _resized("llama", 800, num_hidden_layers=4, hidden_size=64, num_attention_heads=8, num_key_value_heads=4),
    _other("phi", 500, _sizes(6, 48, 144)),
    _other("stablelm", 500, _grouped(4, 64, 96)),
    _other("starcoder2", 500, _grouped(8, 32, 128)),
    _other("falcon", 500, {"hidden_size": 48, "num_hidden_layers": 6, "num_attention_heads": 6}),
)
