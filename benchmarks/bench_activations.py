"""Memory of the analyses of activations: `python -m benchmarks.bench_activations [LAYERS] [WINDOWS]`.

Builds a random llama of 1.1 billion parameters (22 layers) in bf16 in a process of its own, runs blocks, states, cka
and heads on windows of 256 tokens, and prints for each its peak memory above the weights and its seconds, beside the
sizes of what is never held: the attention maps (layers x heads x tokens x tokens) and the hidden states of all windows.
Ends with status 1 when heads take more than all maps would. Linux only.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LAYERS, WINDOWS, TOKENS = 22, 8, 256
HIDDEN, HEADS, VOCABULARY = 2048, 32, 32000
ANALYSES_MEASURED = ("blocks", "states", "cka", "heads")
_OF_SELF = Path("/proc/self")


def memory(field: str) -> int:
    """Return a figure of this process in bytes: VmRSS, what it holds now, or VmHWM, the most since the last reset."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", (_OF_SELF / "status").read_text(), re.MULTILINE)
    assert found, field
    return 1024 * int(found[1])


def measure_here(layers: int, windows: int) -> None:
    """Run every analysis in this process and print its figures as JSON lines."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    from pruning import inspect
    from pruning.analyses import ANALYSES, Subject

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=11 * HIDDEN // 4,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        num_key_value_heads=4,
    )
    model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    drawn = torch.randint(0, VOCABULARY, (windows, TOKENS), generator=torch.Generator().manual_seed(0))
    subject = Subject(model, inspect(model), drawn.tolist(), ())
    print(json.dumps({"weights": sum(each.nbytes for each in model.parameters())}), flush=True)
    with torch.inference_mode():
        model(drawn[:1, :8])  # what a first forward pass loads stays
    before = memory("VmRSS")
    for name in ANALYSES_MEASURED:
        (_OF_SELF / "clear_refs").write_text("5")  # VmHWM counts anew
        started = time.perf_counter()
        pieces = sum(1 for _ in ANALYSES[name].measure(subject, ANALYSES[name].options()))
        seconds = time.perf_counter() - started
        figures = {"analysis": name, "peak": memory("VmHWM") - before, "seconds": seconds, "pieces": pieces}
        print(json.dumps(figures), flush=True)


def main(layers: int = LAYERS, windows: int = WINDOWS) -> int:
    """Measure and return the exit status."""
    maps = 2 * windows * layers * HEADS * TOKENS * TOKENS
    states = 2 * windows * (layers + 1) * TOKENS * HIDDEN
    print(
        f"{windows} windows of {TOKENS} tokens, {layers} layers; in bf16 all maps {maps:,}, all states {states:,} bytes"
    )
    command = [sys.executable, "-m", "benchmarks.bench_activations", "--here", str(layers), str(windows)]
    peaks: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        for line in child.stdout:
            told = json.loads(line)
            if "weights" in told:
                print(f"weights {told['weights']:,} bytes", flush=True)
                continue
            peaks[told["analysis"]] = told["peak"]
            print(
                f"{told['analysis']:<8} {told['peak']:>13,} bytes above the weights {told['seconds']:7.1f} s "
                f"{told['pieces']:>6} pieces",
                flush=True,
            )
    return 0 if child.returncode == 0 and peaks["heads"] < maps else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        measure_here(*map(int, sys.argv[2:]))
    else:
        sys.exit(main(*map(int, sys.argv[1:])))
