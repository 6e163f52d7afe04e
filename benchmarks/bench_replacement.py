"""How long an N x N replacement takes: `python -m benchmarks.bench_replacement`.

The reference llama of 8 layers; attention and MLP of every layer by every other's, on 16 windows of 128 tokens, against
a plain loop that copies the model, the weights in it, and runs all of it. One thread, both in this run. Promised: under
60 seconds, and the same numbers as the loop. Ends with status 1 when a promise is not kept.
"""

import copy
import sys
from itertools import permutations
from time import perf_counter
from typing import Any

import torch

from pruning import inspect
from pruning.analyses import Subject
from pruning.analyses.replacement import ReplacementOptions, measure_replacement
from pruning.batches import padded_batch
from pruning.evaluation.observe import one_thread
from pruning.models import load_model
from pruning.reference import model_folder
from pruning.texts import reference_text

MOST_SECONDS = 60
CLOSE_ENOUGH = 1e-4
TARGETS = {"attention": "self_attn", "mlp": "mlp"}

# (loss increase, KL divergence) a token by component
Damages = dict[str, tuple[float, float]]


def log_probabilities(model: Any, windows: Any) -> Any:
    """Return (tokens, vocabulary) of windows that are run one batch, padding left out."""
    batch = padded_batch(windows)
    with torch.inference_mode():
        logits = model(input_ids=batch.token_ids, attention_mask=batch.attention_mask, use_cache=False).logits
        return logits[:, :-1][batch.attention_mask[:, 1:].bool()].double().log_softmax(1)


def plain(model: Any, windows: Any) -> Damages:
    """Return the damages, each from a copy of the model and its whole forward pass."""
    labels = torch.tensor([[token] for window in windows for token in window[1:]])
    dense = log_probabilities(model, windows)
    found = {}
    for target, name in TARGETS.items():
        for layer, source in permutations(range(8), 2):
            changed = copy.deepcopy(model)
            layers = changed.model.layers
            getattr(layers[layer], name).load_state_dict(getattr(layers[source], name).state_dict())
            mine = log_probabilities(changed, windows)
            loss = (dense - mine).gather(1, labels).mean()
            kl = (dense.exp() * (dense - mine)).sum(1).mean()
            found[f"{target} of layer {layer} by {source}"] = float(loss), float(kl)
    return found


def ours(model: Any, windows: Any) -> Damages:
    """Return the same from the analysis."""
    subject = Subject(model, inspect(model), (), windows)
    pieces = measure_replacement(subject, ReplacementOptions(targets=tuple(TARGETS)))
    found = {piece.component: {each.measure: each.value for each in piece.findings} for piece in pieces}
    return {name: (each["loss_increase"], each["kl"]) for name, each in found.items() if name != "dense"}


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
    farthest = max(abs(a - b) for name in found[1] for a, b in zip(found[0][name], found[1][name], strict=True))
    kept = seconds[0] < MOST_SECONDS and farthest < CLOSE_ENOUGH
    sys.stdout.write(
        f"{'ok  ' if kept else 'MISS'} {len(found[0])} replacements: {seconds[0]:.1f} s, plain loop {seconds[1]:.1f} s "
        f"({seconds[1] / seconds[0]:.2f} times as long), farthest damage {farthest:.1e} nats apart\n"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
