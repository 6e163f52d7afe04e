"""Singular values of one matrix: `python -m benchmarks.bench_ranks [SIDE]`.

Prints for a square fp32 matrix of full rank, one whose values fall as a power, and one of rank SIDE / 32 the seconds of
numpy's SVD in float64, torch's in float32, ours in full and ours from a sketch for the rank at .9; beside them the
largest error of a value as a share of the largest value, and the ratio to numpy's time. Choices in
`pruning/redundancy/singular.py` (when a sketch is tried, how wide it may get) rest on these numbers.
"""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from pruning.redundancy.ranks import rank_range
from pruning.redundancy.singular import Accuracy, Spectrum, full_spectrum, randomised_spectrum

TAU = 0.9
SIDE = 2048


def matrices(side: int) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (what it is, the matrix): random orthonormal factors around given singular values, or noise."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(side, side, generator=generator)
    yield "noise", noise
    yield "i^-1", (torch.linalg.qr(noise).Q / torch.arange(1, side + 1)) @ torch.linalg.qr(noise.T).Q
    rank = side // 32
    yield f"rank {rank}", noise[:, :rank] @ torch.randn(rank, side, generator=generator)


def sketched(matrix: torch.Tensor) -> Spectrum:
    """Return the values of a sketch as wide as it must be."""
    return randomised_spectrum(matrix, Accuracy(0.1 * (1 - TAU)), min(matrix.shape), torch.Generator().manual_seed(0))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what it gives and its seconds."""
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def rows(matrix: torch.Tensor) -> Iterator[str]:
    """Yield a line for each way."""
    true, base = timed(lambda: np.linalg.svd(matrix.double().numpy(), compute_uv=False))
    ways: dict[str, Callable[[], Any]] = {
        "torch float32": lambda: torch.linalg.svdvals(matrix),
        "full": lambda: full_spectrum(matrix),
        "sketch": lambda: sketched(matrix),
    }
    yield f"  {'numpy float64':14} {base:8.2f} s"
    for name, work in ways.items():
        found, seconds = timed(work)
        values = (found.values if isinstance(found, Spectrum) else found).double().numpy()
        error = np.abs(values - true[: len(values)]).max() / true[0]
        said = f", rank {rank_range(found, TAU)}, {len(values)} values" if isinstance(found, Spectrum) else ""
        yield f"  {name:14} {seconds:8.2f} s, {base / seconds:6.1f} x, largest error {error:.1e}{said}"


def main() -> None:
    """Print the rows of every matrix."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else SIDE
    print(f"{side} x {side}, {torch.get_num_threads()} threads")
    for name, matrix in matrices(side):
        print(name)
        print("\n".join(rows(matrix)))


if __name__ == "__main__":
    main()
