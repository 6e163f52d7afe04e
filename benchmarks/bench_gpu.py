"""Pruning a llama of 7 billion parameters on a GPU: `python -m benchmarks.bench_gpu [--tiny] [--device cuda]`.

Writes a random llama-7B in fp16, streams it layer by layer to the device with 128 windows of 2,048 tokens and prints:
Wanda's seconds at 50 % beside two pure forward passes of the whole model on the device (promise: at most 1.5 x) and the
peak of the device's memory (under 10 GB), SparseGPT's seconds (under 10 minutes), and the speed of a 2:4 matrix in
torch's semi-structured form beside the dense one (measured, nothing promised). Ends with status 1 when a promise is
not kept. Without CUDA it says so and ends with status 0; `--tiny --device cpu` is a dry run that promises nothing.
Needs 30 GB of disk in the folder for temporary files.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.bench_streaming import write_model
from pruning.batches import batches
from pruning.models import quiet
from pruning.removal.selection import TWO_OF_FOUR, lowest_in_groups
from pruning.removal.weights import set_to_zero
from pruning.streaming import Streaming, prune_checkpoint

MOST_FORWARDS, MOST_BYTES, MOST_SECONDS = 1.5, 10_000_000_000, 600


@dataclass(frozen=True)
class Scale:
    """How large the model and the text are."""

    layers: int
    hidden: int
    width: int
    heads: int
    vocabulary: int
    windows: int
    tokens: int


FULL = Scale(32, 4096, 11008, 32, 32000, 128, 2048)
TINY = Scale(2, 64, 176, 2, 128, 4, 32)


def random_text(scale: Scale) -> list[list[int]]:
    """Return random token ids."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, scale.vocabulary, (scale.windows, scale.tokens), generator=generator).tolist()


def seconds_of(function: Callable[[], object], device: str) -> float:
    """Return the seconds of a call, the device's work included."""
    _wait(device)
    started = time.perf_counter()
    function()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def two_forwards(base: Path, text: list[list[int]], device: str) -> float:
    """Return the seconds of two forward passes over the text, the whole model on the device, without the head."""
    from transformers import AutoModel

    dtype = torch.float16 if device.startswith("cuda") else torch.float32
    with quiet():
        model = AutoModel.from_pretrained(base, dtype=dtype, local_files_only=True).to(device).eval()

    def forward() -> None:
        with torch.inference_mode():
            for batch in batches(text):
                model(input_ids=batch.token_ids.to(device), use_cache=False)

    forward()
    return seconds_of(forward, device) + seconds_of(forward, device)


def pruned(base: Path, method: str, text: list[list[int]], device: str) -> tuple[float, int]:
    """Return the seconds from disk to disk and the peak of the device's memory in bytes, 0 on a CPU."""
    on_gpu = device.startswith("cuda")
    streaming = Streaming(device=device, dtype=None if on_gpu else torch.float32)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    output = base.parent / "pruned"
    seconds = seconds_of(
        lambda: prune_checkpoint(base, output, method, 0.5, calibration=text, streaming=streaming, overwrite=True),
        device,
    )
    return seconds, torch.cuda.max_memory_allocated() if on_gpu else 0


def two_of_four_speed(scale: Scale, device: str) -> str:
    """Return in words how long a 2:4 matrix product takes beside a dense one, fp16, medians of 20."""
    from torch.sparse import to_sparse_semi_structured

    weight = torch.randn(scale.width // 64 * 64, scale.hidden, device=device).half()
    set_to_zero(weight, lowest_in_groups(weight.abs().float(), TWO_OF_FOUR, "benchmark"))
    states = torch.randn(scale.hidden, max(64, scale.tokens), device=device).half()
    try:
        sparse = to_sparse_semi_structured(weight)
        torch.testing.assert_close(sparse @ states, weight @ states, rtol=1e-2, atol=0.5)
        times = [
            statistics.median(seconds_of(lambda each=each: each @ states, device) for _ in range(20))
            for each in (sparse, weight)
        ]
    except (RuntimeError, NotImplementedError) as error:
        return f"not to be had here: {str(error).splitlines()[0]}"
    return f"{times[0] * 1e3:.3f} ms, dense {times[1] * 1e3:.3f} ms: {times[1] / times[0]:.2f} x as fast"


def main() -> int:
    """Measure and return the exit status."""
    parser = argparse.ArgumentParser(description="Pruning on a GPU.")
    parser.add_argument("--tiny", action="store_true", help="a model of two small layers; nothing is promised")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("skipped: no CUDA device here; --tiny --device cpu is a dry run")
        return 0
    scale, device = TINY if options.tiny else FULL, options.device
    shape = {
        "intermediate_size": scale.width,
        "num_attention_heads": scale.heads,
        "num_key_value_heads": scale.heads,
    }
    text = random_text(scale)
    with tempfile.TemporaryDirectory() as place:
        base = Path(place) / "base"
        size = write_model(base, scale.layers, hidden=scale.hidden, vocabulary=scale.vocabulary, **shape)
        print(f"weights    {size:,} bytes, {scale.windows} windows of {scale.tokens} tokens, on {device}", flush=True)
        wanda, peak = pruned(base, "wanda", text, device)
        sparsegpt, _ = pruned(base, "sparsegpt", text, device)
        forwards = two_forwards(base, text, device)
    print(
        f"wanda      {wanda:.1f} s from disk to disk, {wanda / forwards:.2f} x two forwards (at most {MOST_FORWARDS})"
    )
    print(f"peak       {peak:,} bytes on the device (under {MOST_BYTES:,})")
    print(f"sparsegpt  {sparsegpt:.1f} s (under {MOST_SECONDS})")
    print(f"2:4        {two_of_four_speed(scale, device)}")
    kept = wanda <= MOST_FORWARDS * forwards and peak < MOST_BYTES and sparsegpt < MOST_SECONDS
    return 0 if kept or options.tiny else 1


if __name__ == "__main__":
    sys.exit(main())
