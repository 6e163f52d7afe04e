"""Speed of the weight methods against plain implementations: `python -m benchmarks.bench_pruning`.

One thread, equal masks (asserted; peers leave open which of equal scores goes), interleaved runs, medians. Ends with
status 1 when a promise is not kept. The plain implementations are written from the papers: sort and scatter (Wanda), a
loop over groups (2:4), blocks of 128 columns with a rank-one update a column (SparseGPT, algorithm 1). Max-min neurons
are measured against optipfair where it is installed.
"""

import copy
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pruning.adapters import find_adapter
from pruning.batches import batches
from pruning.methods import METHODS
from pruning.methods.sparsegpt import inverse_factor, prune_columns
from pruning.methods.wanda import wanda_mask
from pruning.redundancy.blocks import block_distances
from pruning.redundancy.distances import ANGULAR_LAST
from pruning.removal.records import PruningRequest
from pruning.removal.selection import TWO_OF_FOUR, lowest, lowest_in_groups, share_of
from pruning.removal.weights import set_to_zero

ROUNDS = 5
BLOCK = 128


@dataclass(frozen=True)
class Promise:
    """A measured ratio of two medians and its bound: `at_least` times as fast, or `at_most` times as long."""

    what: str
    ours: float
    theirs: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def kept(self) -> bool:
        """Return whether the bound holds."""
        if self.at_least is not None:
            return self.theirs / self.ours >= self.at_least
        return self.at_most is not None and self.ours / self.theirs <= self.at_most

    def sentence(self) -> str:
        """Return the measurement as one line."""
        times = f"{self.ours * 1e3:9.1f} ms, plain {self.theirs * 1e3:9.1f} ms"
        ratio = self.theirs / self.ours if self.at_least is not None else self.ours / self.theirs
        bound = f"at least {self.at_least:g} x" if self.at_least is not None else f"at most {self.at_most:g} x"
        return f"{'ok  ' if self.kept else 'MISS'} {self.what:<42} {times}   {ratio:6.2f} x ({bound})"


def medians(*functions: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Return the median seconds of each function, in turns, after one round that does not count."""
    seconds: list[list[float]] = [[] for _ in functions]
    for count in range(rounds + 1):
        for function, times in zip(functions, seconds, strict=True):
            started = time.perf_counter()
            function()
            if count:
                times.append(time.perf_counter() - started)
    return [statistics.median(times) for times in seconds]


def assert_same_but_for_ties(scores: torch.Tensor, mask: torch.Tensor, other: torch.Tensor) -> None:
    """Fail unless two masks select the same scores; which of two equal ones does not matter."""
    assert torch.equal(scores[mask].sort().values, scores[other].sort().values)
    assert not (mask ^ other).any() or bool((mask ^ other).sum() < 1e-4 * mask.numel())


def magnitude(outputs: int, inputs: int) -> Promise:
    """Mask and zero 50 % of a matrix, against torch.nn.utils.prune, which copies the weight and keeps a mask."""
    from torch.nn.utils import prune

    weight = torch.randn(outputs, inputs)
    pruned = weight.clone()
    linear = torch.nn.Linear(inputs, outputs, bias=False)

    def restore() -> None:
        pruned.copy_(weight)
        linear.weight.data.copy_(weight)

    def ours() -> None:
        mask = lowest(pruned.abs().view(-1), pruned.numel() // 2, "benchmark")
        set_to_zero(pruned, mask.view_as(pruned))

    def theirs() -> None:
        prune.l1_unstructured(linear, "weight", 0.5)
        prune.remove(linear, "weight")

    seconds: list[list[float]] = [[], []]
    for count in range(ROUNDS + 1):
        restore()
        for function, times in zip((ours, theirs), seconds, strict=True):
            started = time.perf_counter()
            function()
            if count:
                times.append(time.perf_counter() - started)
    assert_same_but_for_ties(weight.abs(), pruned == 0, linear.weight.data == 0)
    mine, other = map(statistics.median, seconds)
    return Promise(f"magnitude {outputs} x {inputs}", mine, other, at_least=6)


def wanda_rows(outputs: int, inputs: int) -> Promise:
    """Score and choose half of every row, against a stable sort and a scatter of the first half."""
    weight, squared_norm = torch.randn(outputs, inputs), torch.rand(inputs) + 0.5

    def ours() -> torch.Tensor:
        return wanda_mask(weight, squared_norm, 0.5, None, "benchmark")

    def theirs() -> torch.Tensor:
        scores = weight.abs() * squared_norm.sqrt()
        order = torch.sort(scores, dim=-1, stable=True).indices[:, : inputs // 2]
        return torch.zeros_like(scores, dtype=torch.bool).scatter_(1, order, True)

    assert torch.equal(ours(), theirs())
    return Promise(f"wanda rows {outputs} x {inputs}", *medians(ours, theirs), at_least=6)


def two_of_four(outputs: int, inputs: int) -> Promise:
    """Choose two of every four, against a loop over groups of columns with topk."""
    scores = torch.rand(outputs, inputs)

    def theirs() -> torch.Tensor:
        mask = torch.zeros_like(scores, dtype=torch.bool)
        for start in range(0, inputs, 4):
            group = scores[:, start : start + 4].topk(2, dim=1, largest=False).indices
            mask.scatter_(1, group + start, True)
        return mask

    def ours() -> torch.Tensor:
        return lowest_in_groups(scores, TWO_OF_FOUR, "benchmark")

    assert_same_but_for_ties(scores, ours(), theirs())
    return Promise(f"2:4 {outputs} x {inputs}", *medians(ours, theirs), at_least=3)


def sparsegpt(size: int) -> Promise:
    """Prune a square matrix whose inputs are correlated, Hessian given, against the paper's algorithm as written."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(2 * size, size, generator=generator) @ torch.randn(size, size, generator=generator)
    hessian, weight = tokens.T @ tokens, torch.randn(size, size, generator=generator)

    def ours() -> torch.Tensor:
        columns = weight.T.contiguous()
        prune_columns(columns, inverse_factor(hessian, "benchmark"), 0.5)
        return columns.T

    def theirs() -> torch.Tensor:
        return plain_sparsegpt(weight, hessian, 0.5)

    mine, other = ours(), theirs()
    same = float(((mine == 0) == (other == 0)).float().mean())
    assert same > 0.999, same
    errors = [float(((weight - each) @ hessian * (weight - each)).sum()) for each in (mine, other)]
    assert errors[0] < 1.01 * errors[1], errors
    return Promise(f"sparsegpt {size} x {size}", *medians(ours, theirs, rounds=3), at_least=2)


def plain_sparsegpt(weight: torch.Tensor, hessian: torch.Tensor, ratio: float) -> torch.Tensor:
    """Return a pruned copy: arXiv 2301.00774, algorithm 1, one mask for 128 columns."""
    pruned, size = weight.clone(), len(hessian)
    damped = hessian + 0.01 * hessian.diagonal().mean() * torch.eye(size)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    upper = torch.linalg.cholesky(inverse, upper=True)
    for start in range(0, size, BLOCK):
        end = min(start + BLOCK, size)
        block, errors = pruned[:, start:end].clone(), torch.zeros(len(pruned), end - start)
        factor = upper[start:end, start:end]
        costs = block**2 / factor.diagonal() ** 2
        last = torch.sort(costs.flatten()).values[share_of(ratio, costs.numel()) - 1]
        mask = costs <= last
        for column in range(end - start):
            kept = block[:, column].clone()
            kept[mask[:, column]] = 0
            error = (block[:, column] - kept) / factor[column, column]
            block[:, column:] -= error.unsqueeze(1) @ factor[column, column:].unsqueeze(0)
            block[:, column] = kept
            errors[:, column] = error
        pruned[:, start:end] = block
        pruned[:, end:] -= errors @ upper[start:end, end:]
    return pruned


def random_llama(layers: int) -> Any:
    """Return a random llama of width 512 with grouped queries."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=2048,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=4,
    )
    return LlamaForCausalLM(config).eval()


def random_windows(count: int, tokens: int) -> tuple[tuple[int, ...], ...]:
    """Return windows of random token ids."""
    drawn = torch.randint(0, 2048, (count, tokens), generator=torch.Generator().manual_seed(0))
    return tuple(map(tuple, drawn.tolist()))


def wanda_end_to_end() -> Promise:
    """Prune a llama with the text in hand, against two forward passes over the same text."""
    model = random_llama(8)
    windows = random_windows(32, 256)

    def ours() -> None:
        with torch.no_grad():
            METHODS["wanda"].function(PruningRequest(model, find_adapter(model), 0.5, windows, 0))

    def theirs() -> None:
        with torch.inference_mode():
            for _ in range(2):
                for batch in batches(windows):
                    model(input_ids=batch.token_ids, attention_mask=batch.attention_mask, use_cache=False)

    return Promise("wanda end to end, two forward passes", *medians(ours, theirs, rounds=3), at_most=1.15)


def maxmin_neurons() -> Promise | None:
    """Remove a quarter of a llama's neurons, against optipfair, to equal weights; None where it is not installed."""
    from importlib.util import find_spec

    from transformers import LlamaConfig, LlamaForCausalLM

    if find_spec("optipfair") is None:
        return None
    from optipfair.pruning.mlp_glu import prune_model_mlp_glu  # pyright: ignore[reportMissingImports]

    config = LlamaConfig(
        vocab_size=512, hidden_size=1024, intermediate_size=2816, num_hidden_layers=4, num_attention_heads=8
    )
    dense = LlamaForCausalLM(config).eval()

    def ours(model: LlamaForCausalLM) -> LlamaForCausalLM:
        METHODS["mlp-maxmin"].function(PruningRequest(model, find_adapter(model), 0.25, (), 0))
        return model

    def theirs(model: LlamaForCausalLM) -> LlamaForCausalLM:
        return prune_model_mlp_glu(model, "MAW", 25, show_progress=False)

    found, expected = ours(copy.deepcopy(dense)).state_dict(), theirs(copy.deepcopy(dense)).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    seconds: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for function, times in zip((ours, theirs), seconds, strict=True):
            model = copy.deepcopy(dense)
            started = time.perf_counter()
            function(model)
            times.append(time.perf_counter() - started)
    mine, other = map(statistics.median, seconds)
    return Promise("max-min neurons of a llama, optipfair", mine, other, at_least=2)


def all_pairs() -> Promise:
    """Measure the angular distance over all blocks of a llama of 24 layers, against one forward over the same text."""
    model = random_llama(24)
    adapter = find_adapter(model)
    windows = random_windows(16, 64)

    def ours() -> None:
        assert len(block_distances(model, adapter, windows, ANGULAR_LAST)) == 299

    def theirs() -> None:
        with torch.inference_mode():
            for batch in batches(windows):
                model(input_ids=batch.token_ids, attention_mask=batch.attention_mask, use_cache=False)

    return Promise("all pairs of 24 layers, one forward pass", *medians(ours, theirs), at_most=1.05)


def main() -> int:
    """Measure everything and return the exit status."""
    torch.set_num_threads(1)
    promises = []
    for measure in (
        lambda: magnitude(2048, 2048),
        lambda: magnitude(2048, 8192),
        lambda: wanda_rows(2048, 2048),
        lambda: wanda_rows(2048, 8192),
        lambda: two_of_four(2048, 2048),
        lambda: two_of_four(2048, 8192),
        lambda: sparsegpt(2048),
        wanda_end_to_end,
        maxmin_neurons,
        all_pairs,
    ):
        promise = measure()
        if promise is None:
            print(f"skip {measure.__name__}: the peer is not installed", flush=True)
            continue
        print(promise.sentence(), flush=True)
        promises.append(promise)
    return 0 if all(promise.kept for promise in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
