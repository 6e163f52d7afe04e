"""Pruning a model from disk to disk: `python -m benchmarks.bench_streaming [LAYERS] [WINDOWS]`.

Writes a random llama of 1.1 billion parameters (22 layers) in fp16, prunes it by Wanda at 50 % in a process of its own
with 8 windows of 256 tokens, and prints that process's peak memory and the time a layer relative to two forward passes
of that layer. Ends with status 1 at 2.5 GB or a ratio of 1.6. Needs 5 GB of disk in the folder for temporary files.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LAYERS, WINDOWS, TOKENS = 22, 8, 256
MOST_BYTES, MOST_RATIO = 2_500_000_000, 1.6


def write_model(folder: Path, layers: int, *, hidden: int = 2048, vocabulary: int = 32000, **changes: Any) -> int:
    """Write a random llama in fp16, a shard a layer, and return its bytes; `changes` go to the config."""
    import torch
    from transformers import LlamaConfig

    from pruning.streaming.skeleton import build_skeleton
    from pruning.streaming.stored import ShardWriter

    shape: dict[str, Any] = {
        "intermediate_size": 11 * hidden // 4,
        "num_attention_heads": hidden // 64,
        "num_key_value_heads": 4,
        "architectures": ["LlamaForCausalLM"],
    }
    config = LlamaConfig(vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=layers, **(shape | changes))
    config.save_pretrained(folder)
    shapes = {name: each.shape for name, each in build_skeleton(folder).named_parameters()}
    parts: dict[str, list[str]] = {}
    for name in shapes:
        parts.setdefault(name.split(".")[2] if ".layers." in name else "", []).append(name)
    writer = ShardWriter(folder, len(parts))
    for names in parts.values():
        writer.write({name: (0.02 * torch.randn(shapes[name])).half() for name in names})
    writer.finish()
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def prune_here(base: Path, output: Path, windows: int) -> None:
    """Prune in this process and print its peak memory and seconds as JSON."""
    import resource

    import torch

    from pruning.streaming import Streaming, prune_checkpoint

    torch.set_num_threads(1)
    text = torch.randint(0, 32000, (windows, TOKENS), generator=torch.Generator().manual_seed(0)).tolist()
    started = time.perf_counter()
    pruned = prune_checkpoint(base, output, "wanda", 0.5, calibration=text, streaming=Streaming(dtype=torch.float32))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak, "achieved": pruned.achieved_ratio}))


def layer_seconds(base: Path, windows: int) -> float:
    """Return the seconds of one forward pass of one layer over the text, in fp32, median of three."""
    import statistics

    import torch
    from transformers import AutoConfig
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

    torch.set_num_threads(1)
    config: Any = AutoConfig.from_pretrained(base)
    config._attn_implementation = "sdpa"
    layer, states = LlamaDecoderLayer(config, 0).eval(), torch.randn(windows, TOKENS, config.hidden_size)
    positions = LlamaRotaryEmbedding(config)(states, torch.arange(TOKENS).unsqueeze(0))
    times = []
    with torch.inference_mode():
        for _ in range(3):
            started = time.perf_counter()
            layer(states, position_embeddings=positions)
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def main(layers: int = LAYERS, windows: int = WINDOWS) -> int:
    """Measure and return the exit status."""
    with tempfile.TemporaryDirectory() as place:
        base = Path(place) / "base"
        size = write_model(base, layers)
        forward = layer_seconds(base, windows)
        command = [
            sys.executable,
            "-m",
            "benchmarks.bench_streaming",
            "--here",
            str(base),
            f"{place}/out",
            str(windows),
        ]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        forward = min(forward, layer_seconds(base, windows))
    ratio = told["seconds"] / layers / (2 * forward)
    print(f"weights            {size:,} bytes in {layers} layers, {windows} windows of {TOKENS} tokens")
    print(f"peak memory        {told['peak_bytes']:,} bytes (at most {MOST_BYTES:,})")
    print(f"time a layer       {told['seconds'] / layers:.2f} s with reading and writing; a forward {forward:.2f} s")
    print(f"over two forwards  {ratio:.2f} (at most {MOST_RATIO})")
    return 0 if told["peak_bytes"] < MOST_BYTES and ratio < MOST_RATIO else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        prune_here(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.exit(main(*map(int, sys.argv[1:])))
