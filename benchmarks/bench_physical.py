"""What physical pruning gains: `python -m benchmarks.bench_physical`.

A random llama of 12 layers (grouped queries) and a random mixtral lose a quarter in every physical scope (heads a half,
which a llama's config can say). One thread, forward passes in turn with the dense model, medians. Promised: parameters,
bytes and latency all fall, and a model with fewer layers gains at least 0.8 of its share of parameters in time. Ends
with status 1 when a promise is not kept.
"""

import copy
import sys
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.bench_pruning import medians
from pruning import prune
from pruning.checkpoint import measured_bytes

TOKENS = 512
ROUNDS = 7
DEPTH_SHARE = 0.8


@dataclass(frozen=True)
class Gain:
    """Parameters, bytes and seconds of a pruned model over those of the dense one."""

    method: str
    ratio: float
    parameters: float
    bytes: float
    latency: float

    @property
    def kept(self) -> bool:
        """Return whether all fell, and time with the layers."""
        fell = max(self.parameters, self.bytes, self.latency) < 1
        with_layers = 1 - self.latency >= DEPTH_SHARE * (1 - self.parameters)
        return fell and (with_layers or not self.method.startswith("depth"))

    def sentence(self) -> str:
        """Return the measurement as one line."""
        return (
            f"{'ok  ' if self.kept else 'MISS'} {self.method:<24} at {self.ratio:g}: parameters {self.parameters:.3f}, "
            f"bytes {self.bytes:.3f}, latency {self.latency:.3f} of dense"
        )


def llama() -> Any:
    """Return a random llama of 109 million parameters."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=2048, hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12,
        num_key_value_heads=4, head_dim=64,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def mixtral() -> Any:
    """Return a random mixture of eight experts a layer."""
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(
        vocab_size=2048, hidden_size=384, intermediate_size=768, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=2, num_local_experts=8,
    )  # fmt: skip
    return MixtralForCausalLM(config).eval()


def gain(dense: Any, method: str, ratio: float) -> Gain:
    """Prune a copy and measure it in turn with the dense model."""
    model = copy.deepcopy(dense)
    assert prune(model, method, ratio).removal.physical
    tokens = torch.randint(0, 2048, (1, TOKENS), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        mine, other = medians(lambda: model(tokens), lambda: dense(tokens), rounds=ROUNDS)
    sizes = [
        (sum(p.numel() for p in each.parameters()), measured_bytes(each, torch.float16)) for each in (model, dense)
    ]
    return Gain(method, ratio, sizes[0][0] / sizes[1][0], sizes[0][1] / sizes[1][1], mine / other)


def main() -> int:
    """Print a line a method."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dense, kept = llama(), []
    for method, ratio in (
        ("depth-last", 0.25), ("depth-random", 0.25), ("mlp-random", 0.25), ("mlp-maxmin", 0.25), ("mlp-l1", 0.25),
        ("heads-random-remove", 0.5),
    ):  # fmt: skip
        found = gain(dense, method, ratio)
        print(found.sentence(), flush=True)
        kept.append(found.kept)
    # Fewer experts are fewer bytes; each token still passes through as many.
    found = gain(mixtral(), "experts-random", 0.25)
    print(found.sentence(), "(experts a token stay as many: no promise on latency)", flush=True)
    return 0 if all(kept) and found.parameters < 1 and found.bytes < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
