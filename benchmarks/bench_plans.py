"""Time to plan the cut of a grouped-query model: `python -m benchmarks.bench_plans`.

Ours: find everything in a llama of 32 layers, 32 heads and 8 key-value heads at the widths of Llama-3-8B, and cut a
quarter of its MLP neurons, on the meta device. Ends with status 1 when that takes a second. Beside it, where
torch-pruning is installed, its dependency graph and all its groups: of the same model, and of one an eighth as wide in
real memory, each in a process of its own for a minute at most; what happened is printed.
"""

import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import torch

from pruning.adapters import find_adapter
from pruning.methods import METHODS
from pruning.removal.records import PruningRequest

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

LIMIT_SECONDS = 1.0
PEER_SECONDS = 60
ROUNDS = 5
# Arguments: the part of the width, and meta or cpu. Prints the seconds to the graph and to all groups.
PEER = """
import sys, time, torch, torch_pruning
from benchmarks.bench_plans import grouped_query_model
torch.set_num_threads(1)
model = grouped_query_model(int(sys.argv[1]), sys.argv[2])
ids = torch.zeros(1, 8, dtype=torch.long, device=sys.argv[2])
started = time.perf_counter()
inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "use_cache": False}
graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=inputs)
built = time.perf_counter() - started
groups = list(graph.get_all_groups(ignored_layers=[model.lm_head], root_module_types=[torch.nn.Linear]))
print(f"graph {built:.2f} s, with all {len(groups)} groups {time.perf_counter() - started:.2f} s")
"""


def grouped_query_model(part: int, device: str) -> "LlamaForCausalLM":
    """Return a llama with the layers and heads of Llama-3-8B and a `part` of its widths."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=1024,
        hidden_size=4096 // part,
        intermediate_size=14336 // part,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
    )
    with torch.device(device):
        return LlamaForCausalLM(config).eval()


def our_seconds() -> float:
    """Return the median seconds of finding everything and cutting neurons."""
    seconds = []
    for _ in range(ROUNDS):
        model = grouped_query_model(1, "meta")
        started = time.perf_counter()
        with torch.no_grad():
            removal = METHODS["mlp-random"].function(PruningRequest(model, find_adapter(model), 0.25, (), 0))
        seconds.append(time.perf_counter() - started)
        assert removal.physical
        assert removal.removed == removal.total // 4
    return statistics.median(seconds)


def peer(part: int, device: str) -> str:
    """Return what torch-pruning did, in words."""
    command = [sys.executable, "-W", "ignore", "-c", PEER, str(part), device]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"did not finish in {PEER_SECONDS} s"
    return (done.stdout if done.returncode == 0 else done.stderr).strip().rpartition("\n")[2]


def main() -> int:
    """Measure and return the exit status."""
    torch.set_num_threads(1)
    seconds = our_seconds()
    kept = seconds < LIMIT_SECONDS
    print(f"{'ok  ' if kept else 'MISS'} plan and cut of a grouped-query llama on meta  {seconds:.3f} s (under 1 s)")
    print(f"     torch-pruning, the same model on meta: {peer(1, 'meta')}", flush=True)
    print(f"     torch-pruning, an eighth as wide in memory: {peer(8, 'cpu')}", flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
