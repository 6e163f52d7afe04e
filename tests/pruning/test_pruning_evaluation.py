"""Perplexity against a plain loop, intervals, counts, bytes."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pruning import evaluate, prune
from pruning.checkpoint import measured_bytes, write_weights
from pruning.errors import NotFiniteError
from pruning.evaluation import METRICS, Observation, measure
from pruning.evaluation.bootstrap import mean_interval, mean_measurement
from pruning.evaluation.records import Agreement, Energy, Generated, Measurement
from pruning.models import weight_bytes
from pruning.texts import Text, reference_text

SEEN = Observation(
    window_losses=(10.0, 30.0, 20.0),
    window_tokens=(10, 12, 8),
    floor_nats_per_token=1.0,
    parameters=100,
    nonzeros=30,
    dense_prunable_weights=40,
    file_bytes=400,
    seconds=(0.5, 0.1, 0.3),
    dense_seconds=(0.4, 0.2, 0.6),
    window=13,
    stride=13,
    dense_losses=(9.0, 26.0, 19.0),
    kl=(1.0, 2.0, 3.0),
    agreements=(5, 6, 4),
    decode_seconds=(0.02, 0.01, 0.04),
    dense_decode_seconds=(0.01, 0.02, 0.02),
    peak_bytes=1000,
    flops=2000,
    generated=(
        Generated("greedy", ((1, 1, 1, 1, 1),), (5.0,)),
        Generated("sampled", ((1, 2, 3, 4, 5),), (10.0,)),
    ),
    pseudo_losses=(3.0, 6.0),
    pseudo_tokens=(3, 6),
    noise=Agreement((0.5, 1.0), (1.0, 1.0)),
    images=Agreement((1.0, 1.0), (0.0, 1.0)),
    energy=Energy(0.25, 0.001, 40),
)


def plain_losses(model: Any, windows: tuple[tuple[int, ...], ...]) -> list[float]:
    """Return each window's summed negative log-likelihood: one window, one token at a time, float64."""
    found = []
    with torch.inference_mode():
        for window in windows:
            logits = model(input_ids=torch.tensor([window])).logits[0].double().tolist()
            total = 0.0
            for position, token in enumerate(window[1:]):
                row = logits[position]
                top = max(row)
                total += top + math.log(sum(math.exp(value - top) for value in row)) - row[token]
            found.append(total)
    return found


def test_perplexity_equals_a_plain_loop(model: Any, windows: tuple[tuple[int, ...], ...]) -> None:
    text = Text(windows, "hash", floor_nats_per_token=1.5)
    numbers = evaluate(model, text, repeats=1)
    mean = sum(plain_losses(model, windows)) / sum(len(window) - 1 for window in windows)
    assert numbers["perplexity"].value == pytest.approx(math.exp(mean), rel=1e-6)
    assert numbers["excess_loss"].value == pytest.approx(mean - 1.5, rel=1e-6)
    assert numbers["perplexity_floor"].value == pytest.approx(math.exp(1.5))
    low, high = numbers["perplexity"].ci_low, numbers["perplexity"].ci_high
    assert low is not None
    assert high is not None
    assert low < numbers["perplexity"].value < high
    assert numbers["perplexity"].n == len(windows)


def test_batches_of_many_windows_give_the_losses_of_single_ones(dense_models: dict[str, Any]) -> None:
    from pruning.evaluation.observe import window_losses

    windows = reference_text("evaluation", 70, 64).windows
    alone = [window_losses(dense_models["llama"], [window])[0] for window in windows]
    assert window_losses(dense_models["llama"], windows) == pytest.approx(alone, rel=1e-6)


def test_interval_is_repeatable_and_covers() -> None:
    """Of 200 simulated texts of 40 windows about 95 % of the intervals hold the true mean."""
    generator = torch.Generator().manual_seed(1)
    hits = 0
    for _ in range(200):
        counts = torch.randint(50, 100, (40,), generator=generator)
        sums = counts * (2 + 0.3 * torch.randn(40, generator=generator))
        low, high = mean_interval(sums.tolist(), counts.tolist())
        assert (low, high) == mean_interval(sums.tolist(), counts.tolist())
        hits += low <= 2 <= high
    assert 180 <= hits <= 198


def test_counts_and_times_of_an_observation() -> None:
    numbers = measure(SEEN)
    assert set(numbers) == set(METRICS.names())
    assert numbers["perplexity"].value == pytest.approx(math.e**2)
    assert numbers["excess_loss"].value == pytest.approx(1.0)
    assert numbers["removed_fraction"].value == 0.25
    assert numbers["latency"].value == 0.3
    assert numbers["latency_ratio"].value == 0.5  # the median of 0.5/0.4, 0.1/0.2 and 0.3/0.6
    expected = {
        "window": 13,
        "stride": 13,
        "loss_increase": 0.2,
        "kl": 0.2,
        "top1_agreement": 0.5,
        "pseudo_perplexity": math.e,
        "noise_cosine": 0.75,
        "noise_top1_agreement": 1,
        "images_cosine": 1,
        "images_top1_agreement": 0.5,
        "peak_memory": 1000,
        "flops": 2000,
        "decode_latency": 0.02,
        "decode_latency_ratio": 2,  # the median of 2, 0.5 and 2
        "tokens_per_second": 50,
        "energy_estimate": 0.25,
        "co2_estimate": 0.001,
        "greedy_distinct_1": 0.2,
        "greedy_distinct_2": 0.25,
        "greedy_repetition": 0.5,
        "greedy_perplexity": math.e,
        "sampled_distinct_1": 1,
        "sampled_distinct_2": 1,
        "sampled_repetition": 0,
        "sampled_perplexity": math.e**2,
    }
    assert {name: numbers[name].value for name in expected} == pytest.approx(expected)
    assert {name: number.unit for name, number in numbers.items()} == {metric.name: metric.unit for metric in METRICS}
    assert (numbers["parameters"].value, numbers["nonzeros"].value, numbers["bytes"].value) == (100, 30, 400)


def test_one_window_has_no_interval_and_one_without_scored_tokens_is_none() -> None:
    seen = replace(SEEN, window_losses=(0.0, 30.0), window_tokens=(0, 10), dense_losses=(0.0, 20.0), kl=(0.0, 5.0))
    numbers = measure(replace(seen, agreements=(0, 4)))
    assert numbers["perplexity"] == Measurement(math.exp(3), "1", 1)
    assert numbers["excess_loss"] == Measurement(2, "nats per token", 1)
    assert numbers["loss_increase"] == Measurement(1, "nats per token", 1)
    # Among few windows, some resamples are of the empty one alone.
    sums, counts = (0.0, 30.0, 20.0), (0, 12, 8)
    assert mean_measurement(sums, counts, "1") == mean_measurement(sums[1:], counts[1:], "1")


def test_what_does_not_apply_is_left_out_and_what_is_not_finite_is_an_error() -> None:
    bare = Observation((), (), None, SEEN.parameters, SEEN.nonzeros, SEEN.dense_prunable_weights, 400, (0.1,), ())
    assert [*measure(bare)] == ["parameters", "nonzeros", "bytes", "removed_fraction", "latency"]
    for loss in (math.nan, math.inf, 1e6):
        with pytest.raises(NotFiniteError, match="perplexity: expected a finite number"):
            measure(replace(SEEN, window_losses=(10.0, loss, 20.0)))


def test_parameters_and_nonzeros_of_a_pruned_model(model: Any, dense_models: dict[str, Any], family: str) -> None:
    prune(model, "magnitude", 0.5)
    numbers = evaluate(model, dense=dense_models[family], repeats=1)
    assert numbers["parameters"].value == sum(parameter.numel() for parameter in model.parameters())
    assert numbers["removed_fraction"].value == pytest.approx(0.5, abs=1e-6)
    assert evaluate(dense_models[family], repeats=1)["removed_fraction"].value == 0


def test_bytes_are_those_of_the_saved_file(model: Any, tmp_path: Path) -> None:
    for dtype, size in ((torch.float32, 4), (torch.float16, 2)):
        write_weights(model, tmp_path / str(size), dtype)
        (file,) = (tmp_path / str(size)).glob("*.safetensors")
        unique = sum(parameter.numel() for parameter in model.parameters())
        assert measured_bytes(model, dtype) == weight_bytes(tmp_path / str(size)) == file.stat().st_size
        assert size * unique < file.stat().st_size < size * unique + 20_000
