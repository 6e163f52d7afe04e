"""What matching neurons costs: `python -m benchmarks.bench_matching [WIDTH ...]`.

Random neurons of so many weights, one thread: seconds of the distances, of the Hungarian and of the greedy assignment,
and the greedy one's total cost over the smallest. Ends with status 1 when greedy is cheaper.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from pruning.redundancy.matching import greedy, hungarian, squared_distances

WEIGHTS = 1024
WIDTHS = (1024, 4096)


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Return a result and the seconds that it took."""
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


def main(widths: list[int]) -> int:
    """Print a line a width."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    worse = []
    for width in widths:
        pair = [torch.randn(width, WEIGHTS, generator=generator, dtype=torch.float64) for _ in range(2)]
        costs, distances = timed(squared_distances, *pair)
        (best, exact), (other, simple) = timed(hungarian, costs), timed(greedy, costs)
        totals = [float(costs[torch.arange(width), order].sum()) for order in (best, other)]
        worse.append(totals[1] >= totals[0])
        print(
            f"width {width:,}: distances {distances:.2f} s, hungarian {exact:.2f} s, greedy {simple:.2f} s; "
            f"greedy costs {totals[1] / totals[0]:.4f} x the smallest",
            flush=True,
        )
    return 0 if all(worse) else 1


if __name__ == "__main__":
    sys.exit(main([*map(int, sys.argv[1:])] or [*WIDTHS]))
