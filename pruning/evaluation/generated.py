"""Text that a model writes, and its scores: how varied it is, how much it repeats itself, what the dense model says."""

from collections.abc import Sequence
from functools import partial
from math import fsum
from typing import TYPE_CHECKING, Any, get_args

from pruning.devices import device_of
from pruning.evaluation.perplexity import exponential
from pruning.evaluation.records import Choice, Generated, Measurement, Metric, Observation
from pruning.evaluation.scoring import score_windows
from pruning.finite import check_finite

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

PROMPTS = 4
PROMPT_TOKENS = 16
NEW_TOKENS = 20
_REPEATED = 4  # n of the n-grams whose repetition is counted
_SEED = 0


def generate(
    model: "PreTrainedModel", dense: "PreTrainedModel | None", windows: Sequence[Sequence[int]]
) -> tuple[Generated, ...]:
    """Return a greedy and a sampled continuation of the first tokens of the first windows.

    At most 4 prompts of 16 tokens and 20 new tokens each, together no longer than the longest window. Generation goes
    on after an end of text, so that all have one length: short texts repeat less. Nothing for a model that cannot
    generate or windows under two tokens. Raises `NotFiniteError`.
    """
    longest = max(map(len, windows))
    size = min(PROMPT_TOKENS, longest // 2)
    prompts = [window[:size] for window in windows if len(window) >= size][:PROMPTS]
    if not size or not model.can_generate():
        return ()
    rows = continuations(model, prompts, min(NEW_TOKENS, longest - size))
    losses = score_windows(dense or model, rows, [size] * len(rows)).losses
    texts = tuple(tuple(row[size:]) for row in rows)
    half = len(prompts)
    return (
        Generated("greedy", texts[:half], losses[:half]),
        Generated("sampled", texts[half:], losses[half:]),
    )


def continuations(model: "PreTrainedModel", prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
    """Return the prompts, of one length, each with its greedy continuation, then each with a sampled one.

    Sampling draws from the whole distribution at temperature 1. Its draws come from a generator on the CPU.
    """
    import torch

    generator = torch.Generator().manual_seed(_SEED)
    token_ids = torch.tensor([*prompts, *prompts], device=device_of(model))
    state = None
    with torch.inference_mode():
        for _ in range(new_tokens):
            logits, state = _next_logits(model, token_ids, state)
            check_finite(logits, f"{type(model).__name__}: a next-token distribution")
            chosen = [*logits[: len(prompts)].argmax(1), *_drawn(logits[len(prompts) :], generator)]
            token_ids = torch.cat([token_ids, torch.stack(chosen).to(token_ids).unsqueeze(1)], dim=1)
    return token_ids.tolist()


def _next_logits(model: "PreTrainedModel", token_ids: "torch.Tensor", state: Any) -> tuple["torch.Tensor", Any]:
    """Return the logits after the last token (rows, vocabulary), fp32 on the CPU, and the cache if there is one."""
    if state is None:
        output: Any = model(input_ids=token_ids)
    else:
        output = model(input_ids=token_ids[:, -1:], past_key_values=state, use_cache=True)
    return output.logits[:, -1].float().cpu(), getattr(output, "past_key_values", None)


def _drawn(logits: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
    import torch

    return torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)


def distinct(texts: Sequence[Sequence[int]], n: int) -> float:
    """Return the share of n-grams of all texts together that differ, in (0, 1]."""
    grams = [gram for text in texts for gram in _grams(text, n)]
    return len({*grams}) / len(grams)


def repetition(texts: Sequence[Sequence[int]]) -> float:
    """Return the mean over texts of the share of 4-grams that came before in the text, in [0, 1)."""
    return fsum(1 - len({*grams}) / len(grams) for grams in (_grams(text, _REPEATED) for text in texts)) / len(texts)


def _grams(text: Sequence[int], n: int) -> list[tuple[int, ...]]:
    return [tuple(text[first : first + n]) for first in range(len(text) - n + 1)]


def _of(seen: Observation, choice: Choice, least: int) -> Generated | None:
    """Return the continuations by a choice when they are at least so many tokens long."""
    found = next((found for found in seen.generated if found.choice == choice), None)
    return found if found and min(map(len, found.tokens)) >= least else None


def _distinct(seen: Observation, *, choice: Choice, n: int) -> Measurement | None:
    found = _of(seen, choice, n)
    return found and Measurement(distinct(found.tokens, n), "1", len(found.tokens))


def _repetition(seen: Observation, *, choice: Choice) -> Measurement | None:
    found = _of(seen, choice, _REPEATED)
    return found and Measurement(repetition(found.tokens), "1", len(found.tokens))


def _perplexity(seen: Observation, *, choice: Choice) -> Measurement | None:
    found = _of(seen, choice, 1)
    if found is None:
        return None
    mean = fsum(found.dense_losses) / sum(map(len, found.tokens))
    return exponential(Measurement(mean, "nats per token", len(found.tokens)))


def _metrics(choice: Choice) -> tuple[Metric, ...]:
    text = f"{choice} continuations of 4 prompts of 16 tokens by 20 tokens"
    return (
        *(
            Metric(
                f"{choice}_distinct_{n}",
                "1",
                "higher",
                partial(_distinct, choice=choice, n=n),
                f"share of {n}-grams that differ, all {text} together",
                "Li et al. 2016, arXiv 1510.03055, section 4.2",
            )
            for n in (1, 2)
        ),
        Metric(
            f"{choice}_repetition",
            "1",
            "lower",
            partial(_repetition, choice=choice),
            f"share of 4-grams that came before in the text, mean over {text}",
            "Welleck et al. 2020, arXiv 1908.04319, section 6.1",
        ),
        Metric(
            f"{choice}_perplexity",
            "1",
            "lower",
            partial(_perplexity, choice=choice),
            f"perplexity under the dense model of {text}",
            "METHODS 6",
        ),
    )


GENERATED = tuple(metric for choice in get_args(Choice) for metric in _metrics(choice))
