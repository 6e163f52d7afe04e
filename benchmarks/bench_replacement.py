"""How long an N x N replacement takes: `python -m benchmarks.bench_replacement`.

The reference llama of 8 layers; attention and MLP of every layer by every other's, on 16 windows of 128 tokens, against
a plain loop that copies the model, the weights in it, and runs all of it. One thread, both in this run. Promised: under
60 seconds, and the same numbers as the loop. Ends with status 1 when a promise is not kept.
"""

import copy
import sys
from time import perf_counter
from typing import Any

from pruning import inspect
from pruning.analyses import Subject
from pruning.analyses.replacement import ReplacementOptions, measure_replacement
from pruning.evaluation.observe import one_thread, window_losses
from pruning.models import load_model
from pruning.reference import model_folder
from pruning.texts import reference_text

MOST_SECONDS = 60
CLOSE_ENOUGH = 1e-4
TARGETS = {"attention": "self_attn", "mlp": "mlp"}

Losses = dict[str, float]


def plain(model: Any, windows: Any) -> Losses:
    """Return the loss increase a token by component, each from a copy of the model and its whole forward pass."""
    tokens = sum(len(window) - 1 for window in windows)
    dense = sum(window_losses(model, windows))
    found = {}
    for target, name in TARGETS.items():
        for layer, source in ((i, j) for i in range(8) for j in range(8) if i != j):
            changed = copy.deepcopy(model)
            layers = changed.model.layers
            getattr(layers[layer], name).load_state_dict(getattr(layers[source], name).state_dict())
            found[f"{target} of layer {layer} by {source}"] = (sum(window_losses(changed, windows)) - dense) / tokens
    return found


def ours(model: Any, windows: Any) -> Losses:
    """Return the same from the analysis, which measures divergence and agreement too."""
    subject = Subject(model, inspect(model), (), windows)
    pieces = measure_replacement(subject, ReplacementOptions(targets=tuple(TARGETS)))
    return {
        finding.component: finding.value
        for piece in pieces
        for finding in piece.findings
        if finding.measure == "loss_increase"
    }


def main() -> int:
    """Measure both; return 0 when the promises are kept."""
    model = load_model(model_folder("llama"))
    windows = reference_text("evaluation", 16, 128).windows
    with one_thread():
        seconds, found = [], []
        for measure in (ours, plain):
            started = perf_counter()
            found.append(measure(model, windows))
            seconds.append(perf_counter() - started)
    farthest = max(abs(found[0][name] - value) for name, value in found[1].items())
    kept = seconds[0] < MOST_SECONDS and farthest < CLOSE_ENOUGH
    sys.stdout.write(
        f"{'ok  ' if kept else 'MISS'} {len(found[0])} replacements: {seconds[0]:.1f} s, plain loop {seconds[1]:.1f} s "
        f"({seconds[1] / seconds[0]:.2f} times as long), farthest loss {farthest:.1e} nats apart\n"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
