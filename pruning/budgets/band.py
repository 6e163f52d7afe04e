"""From what each layer suffers to how much of it goes: a band around the asked ratio (OWL, arXiv 2310.05175)."""

from collections.abc import Mapping
from math import fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pruning.adapters.parts import LayerParts

# Half the width of the band: the paper's lambda for 70 % (section 5).
HALF_WIDTH = 0.08


def ratios_in_band(importance: Mapping[str, float], weights: Mapping[str, int], ratio: float) -> dict[str, float]:
    """Return the ratio of every layer: linear in its importance, the greater the smaller, in ratio +- `HALF_WIDTH`.

    The mean weighted by `weights` is `ratio`, and the layer furthest from the mean importance lies on the band's edge;
    where layers are equally important all get `ratio`. (The paper's code scales to the whole width and shifts to the
    mean, which leaves the band on one side.) Near 0 and 1 the band is narrower: each ratio is in [0, 1).
    """
    total = sum(weights.values())
    mean = fsum(importance[layer] * weights[layer] for layer in weights) / total
    furthest = max(abs(importance[layer] - mean) for layer in weights)
    if len(set(importance.values())) == 1 or furthest == 0:
        return dict.fromkeys(weights, ratio)
    # Half of what is left at most, so that no layer goes whole.
    half_width = min(HALF_WIDTH, ratio, (1 - ratio) / 2)
    return {layer: max(0.0, ratio - half_width * ((importance[layer] - mean) / furthest)) for layer in weights}


def weights_by_layer(layers: "tuple[LayerParts, ...]") -> dict[str, int]:
    """Return the number of prunable weights of each layer by its path."""
    return {layer.path: sum(matrix.size for matrix in layer.matrices) for layer in layers}
