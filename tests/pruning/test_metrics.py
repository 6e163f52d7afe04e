"""Metrics of decoders: against plain loops, hand counts and worked examples."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pruning import evaluate, prune
from pruning.errors import NotFiniteError
from pruning.evaluation.bootstrap import RESAMPLES, mean_interval
from pruning.evaluation.flops import count_flops
from pruning.evaluation.generated import continuations, distinct, generate, repetition
from pruning.evaluation.peak import peak_bytes
from pruning.evaluation.scoring import kept_logits, score_windows
from pruning.evaluation.timing import time_decoding
from pruning.texts import Text, reference_text
from pruning.texts.windows import checked_stride, hash_of_token_ids, sliding_windows

TOKENS = sum(reference_text("evaluation", 4, 64).windows, ())[:100]


def plain_rows(model: Any, window: tuple[int, ...]) -> torch.Tensor:
    """Return the log-probabilities of one window in float64, by the definition."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([window])).logits[0].double()
    return logits - logits.exp().sum(1, keepdim=True).log()


@pytest.mark.parametrize("family", ["llama", "gpt2", "bloom"])
@pytest.mark.parametrize(("length", "stride"), [(32, 32), (32, 16), (20, 5), (17, 1)])
def test_perplexity_of_sliding_windows_equals_a_plain_loop(
    dense_models: dict[str, Any], family: str, length: int, stride: int
) -> None:
    """The loop of the documentation of transformers: every token once, with as much context as fits."""
    model = dense_models[family]
    loss, scored, before = 0.0, 0, 0
    for begin in range(0, len(TOKENS) - length + 1, stride):
        rows = plain_rows(model, TOKENS[begin : begin + length])
        for place in range(max(1, before - begin), length):
            loss -= float(rows[place - 1, TOKENS[begin + place]])
            scored += 1
        before = begin + length
    text = Text(sliding_windows(TOKENS, length, stride), "", None, stride=stride if stride < length else None)
    numbers = evaluate(model, text, repeats=1)
    assert sum(text.scored_tokens) == scored
    assert numbers["perplexity"].value == pytest.approx(math.exp(loss / scored), rel=1e-6)
    assert (numbers["window"].value, numbers["stride"].value) == (length, stride)


def test_a_stride_changes_the_hash_and_is_checked() -> None:
    windows = sliding_windows(range(10), 4, 2)
    assert windows == ((0, 1, 2, 3), (2, 3, 4, 5), (4, 5, 6, 7), (6, 7, 8, 9))
    assert Text(windows, "", None, stride=2).scored_from == (1, 2, 2, 2)
    assert Text(windows, "", None, stride=4).scored_from == Text(windows, "", None).scored_from == (1, 1, 1, 1)
    assert len({hash_of_token_ids(windows), hash_of_token_ids(windows, 2), hash_of_token_ids(windows, 3)}) == 3
    assert checked_stride(None, 4) == 4
    for stride in (0, 5, -1):
        with pytest.raises(UsageError, match="expected 1 to the window's 4 tokens"):
            checked_stride(stride, 4)


def test_damage_against_a_plain_loop(model: Any, dense_models: dict[str, Any], family: str) -> None:
    dense = dense_models[family]
    prune(model, "magnitude", 0.3)
    windows = reference_text("evaluation", 4, 20).windows
    increase = divergence = agrees = 0.0
    for window in windows:
        mine, other = plain_rows(model, window), plain_rows(dense, window)
        for place, token in enumerate(window[1:]):
            increase += float(other[place, token] - mine[place, token])
            divergence += sum(float(q.exp() * (q - p)) for p, q in zip(mine[place], other[place], strict=True))
            agrees += int(mine[place].argmax()) == int(other[place].argmax())
    tokens = sum(len(window) - 1 for window in windows)
    numbers = evaluate(model, windows, dense=dense, repeats=1)
    expected = {"loss_increase": increase, "kl": divergence, "top1_agreement": agrees}
    for name, total in expected.items():
        assert numbers[name].value == pytest.approx(total / tokens, rel=1e-4, abs=1e-6)
        low, high = numbers[name].ci_low, numbers[name].ci_high
        assert low is not None
        assert high is not None
        assert low < numbers[name].value < high
    assert not {*expected} & {*evaluate(dense, windows, repeats=1)}


def test_kept_logits_give_what_two_models_side_by_side_give(dense_models: dict[str, Any]) -> None:
    from pruning.evaluation.scoring import window_logits

    model, dense = copy.deepcopy(dense_models["llama"]), dense_models["llama"]
    prune(model, "magnitude", 0.3)
    windows = reference_text("evaluation", 70, 64).windows  # several batches
    kept = kept_logits(dense, windows)
    assert kept is not None
    firsts = [1] * len(windows)
    assert score_windows(model, windows, firsts, kept) == score_windows(
        model, windows, firsts, window_logits(dense, windows)
    )
    assert len(score_windows(model, windows, firsts, kept).kl) == 70
    assert kept_logits(dense, [range(64)] * 10_000) is None  # 900 MB
    same = score_windows(dense, windows, firsts, kept)
    assert set(same.kl) == {0.0}
    assert same.losses == same.dense_losses


def test_the_interval_of_a_difference_is_paired() -> None:
    """Two models that differ by the same on each window have no uncertainty, however different the windows are."""
    from pruning.evaluation.divergence import LOSS_INCREASE
    from tests.pruning.test_pruning_evaluation import SEEN

    seen = replace(SEEN, window_tokens=(10, 10, 10), dense_losses=(9.0, 29.0, 19.0))
    number = LOSS_INCREASE.function(seen)
    assert number is not None
    assert (number.value, number.ci_low, number.ci_high) == pytest.approx((0.1, 0.1, 0.1))
    low, high = mean_interval(seen.window_losses, seen.window_tokens)
    assert high - low > 1


def test_paired_intervals_have_their_coverage() -> None:
    """Of 300 simulated pairs of models on 40 windows about 95 % of the intervals hold the true difference."""
    generator = torch.Generator().manual_seed(2)
    hits = 0
    for _ in range(300):
        windows = 100 * torch.randn(40, generator=generator)  # how hard a window is: shared by both models
        difference = 3 + 2 * torch.randn(40, generator=generator)
        sums = ((windows + difference) - windows).tolist()
        low, high = mean_interval(sums, [50] * 40)
        hits += low <= 3 / 50 <= high
    assert RESAMPLES == 2000
    assert 0.91 * 300 <= hits <= 0.98 * 300


def test_flops_of_a_llama_layer_by_hand(build_model: Callable[..., Any]) -> None:
    """Width 32, 4 heads of 8 and 2 key-value heads, MLP 64, 20 tokens; a multiply-add is two operations."""
    tokens, width, inner = 20, 32, 64
    model = build_model("llama", num_hidden_layers=1)
    vocabulary = model.config.vocab_size
    projections = 2 * tokens * (2 * width * width + 2 * width * 16)  # query and output; key and value
    scores_and_values = 2 * (2 * 4 * tokens * tokens * 8)
    mlp = 3 * 2 * tokens * width * inner
    head = 2 * tokens * width * vocabulary
    inputs = {"input_ids": torch.tensor([range(tokens)])}
    assert count_flops(model, inputs) == projections + scores_and_values + mlp + head
    two = build_model("llama", num_hidden_layers=2)
    assert count_flops(two, inputs) - count_flops(model, inputs) == projections + scores_and_values + mlp


def test_flops_of_a_gpt2_layer_by_hand(build_model: Callable[..., Any]) -> None:
    """Width 32, 4 heads of 8, MLP 128, 20 tokens; zeros are multiplied as any number."""
    tokens, width = 20, 32
    model = build_model("gpt2", n_layer=1)
    attention = 2 * tokens * (3 * width * width + width * width) + 2 * (2 * 4 * tokens * tokens * 8)
    mlp = 2 * 2 * tokens * width * 4 * width
    head = 2 * tokens * width * model.config.vocab_size
    inputs = {"input_ids": torch.tensor([range(tokens)])}
    assert count_flops(model, inputs) == attention + mlp + head
    prune(model, "magnitude", 0.5)
    assert count_flops(model, inputs) == attention + mlp + head
    prune(model, "mlp-l1", 0.25)
    assert count_flops(model, inputs) == attention + 0.75 * mlp + head


def test_peak_memory_by_hand() -> None:
    """A chain x -> a (freed) -> b, then c beside b: 3 matrices of 40 x 50 in fp32 at the worst moment."""

    class Chain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(7))
            self.config = type("Config", (), {"get_text_config": lambda self: self})()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            a = x + 1
            b = a * 2
            del a
            c = b.view(50, 40) - 1  # a view is nothing new
            return c + b.view(50, 40)

    model: Any = Chain()
    given = {"x": torch.zeros(40, 50)}
    assert peak_bytes(model, given) == 4 * 7 + 3 * 4 * 40 * 50
    assert peak_bytes(model, given) == peak_bytes(model, given)


def test_what_is_smaller_takes_less_memory(model: Any, dense_models: dict[str, Any], family: str) -> None:
    inputs = {"input_ids": torch.tensor([range(40)])}
    before = peak_bytes(dense_models[family], inputs)
    removed = prune(model, "depth-last", 0.5)
    assert removed
    after = peak_bytes(model, inputs)
    gone = sum(p.numel() for p in dense_models[family].parameters()) - sum(p.numel() for p in model.parameters())
    assert before - after >= 4 * gone > 0


def test_decoding_is_timed_where_there_is_a_cache(dense_models: dict[str, Any], family: str) -> None:
    dense = dense_models[family]
    mine, other = time_decoding(dense, dense, torch.tensor([range(30)]), 5)
    assert len(mine) == len(other) == 5
    assert min(*mine, *other) > 0
    assert len(time_decoding(dense, None, torch.tensor([range(7)]), 5)[0]) == 3  # 1 to begin, 3 warm, 3 timed
    assert time_decoding(dense, dense, torch.tensor([range(4)]), 5) == ((), ())
    numbers = evaluate(dense, [range(30)], repeats=5)
    assert numbers["tokens_per_second"].value == pytest.approx(1 / numbers["decode_latency"].value)
    without = copy.deepcopy(dense)
    without.config.use_cache = False
    assert not {"decode_latency", "tokens_per_second", "decode_latency_ratio"} & {*evaluate(without, repeats=1)}


def test_continuations_equal_those_without_a_cache(dense_models: dict[str, Any], family: str) -> None:
    model = dense_models[family]
    prompts = [window[:9] for window in reference_text("evaluation", 3, 64).windows]
    rows = continuations(model, prompts, 6)
    assert rows == continuations(model, prompts, 6)
    assert len(rows) == 6
    generator = torch.Generator().manual_seed(0)
    expected = [[*prompt] for prompt in (*prompts, *prompts)]
    for _ in range(6):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor(expected), use_cache=False).logits[:, -1]
        drawn = torch.multinomial(logits[3:].softmax(1), 1, generator=generator)
        chosen = [*logits[:3].argmax(1).tolist(), *drawn[:, 0].tolist()]
        expected = [[*row, token] for row, token in zip(expected, chosen, strict=True)]
    assert rows == expected


def test_generated_text_is_scored_by_the_dense_model(dense_models: dict[str, Any]) -> None:
    model, dense = copy.deepcopy(dense_models["llama"]), dense_models["llama"]
    prune(model, "magnitude", 0.5)
    windows = reference_text("evaluation", 6, 64).windows
    greedy, sampled = generate(model, dense, windows)
    for found in (greedy, sampled):
        assert [len(text) for text in found.tokens] == [20] * 4
        for window, text, loss in zip(windows, found.tokens, found.dense_losses, strict=False):
            rows = plain_rows(dense, (*window[:16], *text))
            plain = -sum(float(rows[15 + place, token]) for place, token in enumerate(text))
            assert loss == pytest.approx(plain, rel=1e-5)
    assert greedy.tokens != sampled.tokens
    assert generate(model, dense, [(1,)]) == ()
    numbers = evaluate(model, windows, dense=dense, repeats=1)
    mean = sum(greedy.dense_losses) / 80
    assert numbers["greedy_perplexity"].value == pytest.approx(math.exp(mean))
    assert numbers["greedy_distinct_2"].value == distinct(greedy.tokens, 2)
    assert numbers["sampled_repetition"].value == repetition(sampled.tokens)


def test_scores_of_generated_text_by_hand() -> None:
    texts = ((1, 2, 1, 2), (1, 1, 1, 1))
    assert distinct(texts, 1) == 2 / 8
    assert distinct(texts, 2) == 3 / 6  # 12, 21 and 11
    assert repetition([(1, 2, 3, 4, 1, 2, 3, 4)]) == pytest.approx(1 - 4 / 5)  # 1234 comes twice
    assert repetition([(1, 1, 1, 1, 1), (1, 2, 3, 4, 5)]) == pytest.approx(0.25)


@given(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4), st.integers(1, 5))
def test_scores_of_generated_text_are_shares(texts: list[list[int]], n: int) -> None:
    assert 0 < distinct(texts, n) <= 1
    assert 0 <= repetition(texts) < 1


def test_a_model_that_answers_nan_is_an_error_and_no_number(dense_models: dict[str, Any]) -> None:
    model = copy.deepcopy(dense_models["gpt2"])
    with torch.no_grad():
        model.get_input_embeddings().weight[5] = math.nan
    with pytest.raises(NotFiniteError):
        evaluate(model, [range(1, 20)], dense=dense_models["gpt2"], repeats=1)
