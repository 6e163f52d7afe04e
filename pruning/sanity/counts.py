"""Whether a model has lost what its method says: counted in the weights, not taken from the method's words."""

from collections.abc import Callable

from pruning.adapters.parts import Adapter, LayerParts, MlpParts
from pruning.evaluation.records import Observation
from pruning.removal.neuron_plan import WIDTH_MULTIPLE
from pruning.removal.records import ZEROS, Pruned, Scope
from pruning.sanity.records import Check, answer

_SPARSITY = "sparsity"


def counts_possible(seen: Observation) -> Check:
    """Check that the weights left are between none and all, and that every window was scored."""
    all_weights = seen.dense_prunable_weights
    right = 0 <= seen.nonzeros <= all_weights and len(seen.window_losses) == len(seen.window_tokens)
    detail = (
        f"{seen.nonzeros:,} of {all_weights:,} prunable weights are not zero; {len(seen.window_losses)} losses of "
        f"{len(seen.window_tokens)} windows"
    )
    return answer("counts", right, detail)


def sparsity(pruned: Pruned, dense: Adapter, dense_nonzeros: int, nonzeros: int) -> Check:
    """Check the asked ratio against the weights that are gone or zero.

    The method's own share may be off by less than the smallest step that it can take; the weights counted must be those
    of as many units, and may be more by those that were zero before. What was overwritten or left at a low rank has
    its share checked alone.
    """
    step = rounding_step(pruned.scope, dense)
    off = abs(pruned.achieved_ratio - pruned.asked_ratio)
    said = f"asked {pruned.asked_ratio:g}, removed {pruned.achieved_ratio:.4f} (steps of {step:.4f})"
    if not pruned.removal.physical and pruned.removal.left != ZEROS:
        return answer(_SPARSITY, off < step, f"{said}; {pruned.removal.left}, so that no weight can be counted")
    removed = pruned.removal.removed
    least, most = weights_of_a_unit(pruned.scope, dense)
    zero_before = dense.prunable_weights - dense_nonzeros
    counted = dense.prunable_weights - nonzeros
    right = removed * least <= counted <= removed * most + zero_before
    detail = (
        f"{said}; expected {removed * least:,} to {removed * most + zero_before:,} prunable weights gone or zero, "
        f"counted {counted:,}"
    )
    return answer(_SPARSITY, off < step and right, detail)


def rounding_step(scope: Scope, dense: Adapter) -> float:
    """Return the smallest share of its units by which a method of a scope can differ: it removes whole ones.

    Weights: one of the shortest row or column; neurons: a multiple of the narrowest MLP; heads: those of one key-value
    head; factorisation: one rank of the smallest matrix.
    """
    layers = dense.all_layers
    if scope == "weight":
        return 1 / min(min(matrix.inputs, matrix.outputs) for matrix in dense.prunable)
    if scope == "neuron":
        return WIDTH_MULTIPLE / min(mlp.width for layer in layers if (mlp := layer.mlp))
    if scope == "head":
        return 1 / min(attention.key_value_heads for layer in layers for attention in layer.attentions)
    if scope == "layer":
        return 1 / len(dense.layers)
    if scope == "expert":
        return 1 / min(experts.count for layer in layers if (experts := layer.experts))
    return max((matrix.inputs + matrix.outputs) / matrix.size for matrix in dense.prunable)


def weights_of_a_unit(scope: Scope, dense: Adapter) -> tuple[int, int]:
    """Return the least and the most prunable weights that one unit of a scope has; a weight has one."""
    sizes = [size for layer in dense.all_layers for size in _SIZES[scope](layer)]
    return min(sizes), max(sizes)


def _one(_: LayerParts) -> list[int]:
    return [1]


def _neuron(layer: LayerParts) -> list[int]:
    return [_mlp_weights(layer.mlp) // layer.mlp.width] if layer.mlp else []


def _mlp_weights(mlp: MlpParts) -> int:
    return sum(matrix.size for matrix in (*mlp.into, mlp.down))


def _head(layer: LayerParts) -> list[int]:
    """Return the columns of the output matrix alone, and all that can belong to one head."""
    sizes = []
    for attention in layer.attentions:
        out = attention.head_width * attention.output.outputs
        sizes += [out, out + 3 * attention.head_width * max(matrix.inputs for matrix in attention.inputs)]
    return sizes


def _layer(layer: LayerParts) -> list[int]:
    return [sum(matrix.size for matrix in layer.matrices)]


def _expert(layer: LayerParts) -> list[int]:
    experts = layer.experts
    return [sum(matrix.size for matrix in experts.matrices) // experts.count] if experts else []


_SIZES: dict[Scope, Callable[[LayerParts], list[int]]] = {
    "weight": _one,
    "factorisation": _one,
    "neuron": _neuron,
    "head": _head,
    "layer": _layer,
    "expert": _expert,
}
