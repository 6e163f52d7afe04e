"""Training a reference model on fresh text: no document set is ever repeated, so nothing can be overfitted.

Matrices are trained with Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/), everything else with
AdamW. Muon is what makes minutes on two cores enough: after the same 45 seconds a llama (width 96) was at 1.26 times
the floor, with AdamW alone at 1.60.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from pruning.reference.recipes import CONTEXT_TOKENS, Recipe, build_config
from pruning.reference.splits import Window, stream_windows
from pruning.reference.vocabulary import EOS_ID

BATCH_WINDOWS = 8
MATRIX_RATE_FACTOR = 2.0
WEIGHT_DECAY = 0.5
"""Muon multiplies it by the rate. After 900 steps 0.5 was at 1.19 times the floor, 0 at 1.44 (llama, width 64)."""
WARMUP_FRACTION = 0.05
LARGEST_GRADIENT_NORM = 1.0
NEWTON_SCHULZ_STEPS = 3
CURVE_POINTS = 20
POSITION_AMPLITUDE = 0.2
POSITION_BASE = 100.0
IGNORED = -100
"""The target of padding."""


@dataclass(frozen=True)
class CurvePoint:
    """The means over the steps since the last point, on text that the model had not seen before."""

    step: int
    tokens: int
    """Predicted tokens since the start."""
    seconds: float
    loss: float
    """Nats per token."""
    floor: float
    """Nats per token of a perfect model on the same text."""


@dataclass(frozen=True)
class Budget:
    """When training ends: after `steps`, or after `minutes` if that comes first."""

    steps: int
    minutes: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """The finished share of the budget, in [0, 1]; it drives the learning rate."""
        by_time = seconds / (60 * self.minutes) if self.minutes is not None else 0.0
        return min(1.0, max(step / self.steps, by_time))


def build_model(recipe: Recipe, seed: int) -> PreTrainedModel:
    """The untrained model in float32. Seeds torch's global generator, which the initialisation reads."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(build_config(recipe))
    if recipe.learned_positions is not None:
        positions = model.get_submodule(recipe.learned_positions)
        positions.weight.data = sinusoids(*positions.weight.shape)
    return model


def sinusoids(positions: int, width: int) -> Tensor:
    """Sines and cosines [positions, width] of geometrically falling frequencies (Vaswani et al. 2017, section 3.5).

    Learned positions start from them: from noise, attention to the word before has to be learned for each position
    by itself. After 300 steps gpt2 (width 96) was 0.45 nats above the floor; from noise, at its best, 0.61.
    """
    frequencies = POSITION_BASE ** (-torch.arange(width // 2) / (width // 2))
    angles = torch.arange(positions)[:, None] * frequencies
    return POSITION_AMPLITUDE * torch.cat([angles.sin(), angles.cos()], dim=1)


def pad_windows(windows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Input ids and targets, both [windows, longest - 1] and shifted against each other by one.

    Inputs are padded on the right with EOS, where causal attention cannot see it; targets with `IGNORED`.
    """
    longest = max(map(len, windows)) - 1
    inputs = torch.full((len(windows), longest), EOS_ID)
    targets = torch.full((len(windows), longest), IGNORED)
    for row, window in enumerate(windows):
        inputs[row, : len(window) - 1] = torch.tensor(window[:-1])
        targets[row, : len(window) - 1] = torch.tensor(window[1:])
    return inputs, targets


def summed_loss(model: PreTrainedModel, inputs: Tensor, targets: Tensor) -> Tensor:
    """The negative log-likelihood (nats) of all targets together, a scalar in float32."""
    logits = model(input_ids=inputs, use_cache=False).logits.float()
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )


@torch.no_grad()
def mean_loss(model: PreTrainedModel, windows: Sequence[Sequence[int]]) -> float:
    """Nats per predicted token over all windows."""
    was_training = model.training
    model.eval()
    total = 0.0
    for start in range(0, len(windows), BATCH_WINDOWS):
        total += float(summed_loss(model, *pad_windows(windows[start : start + BATCH_WINDOWS])))
    model.train(was_training)
    return total / sum(len(window) - 1 for window in windows)


def learning_rate_factor(progress: float) -> float:
    """The share of the peak rate: a linear warm-up, then linear to zero."""
    return min(progress / WARMUP_FRACTION, (1 - progress) / (1 - WARMUP_FRACTION))


def build_optimizers(model: PreTrainedModel, learning_rate: float) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the matrices of the layers, AdamW for embeddings, biases and norms."""
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    matrices = [weight for weight in model.parameters() if weight.dim() == 2 and id(weight) not in embeddings]
    chosen = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if id(weight) not in chosen]
    return (
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
        torch.optim.Muon(
            matrices,
            lr=learning_rate * MATRIX_RATE_FACTOR,
            weight_decay=WEIGHT_DECAY,
            ns_steps=NEWTON_SCHULZ_STEPS,
            adjust_lr_fn="match_rms_adamw",
        ),
    )


def train(
    model: PreTrainedModel, recipe: Recipe, budget: Budget, seed: int, report: Callable[[CurvePoint], None]
) -> tuple[CurvePoint, ...]:
    """Train in place and return the learning curve; `report` is told every point as it is reached.

    The result is a function of recipe, seed and steps as far as torch's kernels are deterministic; with a limit in
    minutes it also depends on the machine's speed. Ends early only by that limit.
    """
    optimizers = build_optimizers(model, recipe.learning_rate)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    text = stream_windows("train", CONTEXT_TOKENS, seed=seed + 1)  # seed 0 is what windows("train", ...) shows
    meter = _Meter()
    curve: list[CurvePoint] = []
    model.train()
    step, progress = 0, 0.0
    while progress < 1.0:
        for optimizer, rate in zip(optimizers, rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * learning_rate_factor(progress)
        _train_step(model, optimizers, text, meter)
        step += 1
        progress = budget.progress(step, meter.elapsed())
        if progress >= (len(curve) + 1) / CURVE_POINTS:
            curve.append(meter.point(step))
            report(curve[-1])
    model.eval()
    return tuple(curve)


def _train_step(
    model: PreTrainedModel, optimizers: Sequence[torch.optim.Optimizer], text: Iterator[Window], meter: "_Meter"
) -> None:
    batch = list(islice(text, BATCH_WINDOWS))
    inputs, targets = pad_windows([window.token_ids for window in batch])
    tokens = sum(len(window.token_ids) - 1 for window in batch)
    loss = summed_loss(model, inputs, targets)
    (loss / tokens).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT_NORM)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    meter.add(float(loss.detach()), -sum(window.log_probability for window in batch), tokens)


class _Meter:
    """Sums of loss, floor and tokens since the last point."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._tokens_before = 0
        self._loss = self._floor = 0.0
        self._tokens = 0

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def add(self, loss: float, floor: float, tokens: int) -> None:
        self._loss += loss
        self._floor += floor
        self._tokens += tokens

    def point(self, step: int) -> CurvePoint:
        """The means since the last point; starts the next."""
        self._tokens_before += self._tokens
        point = CurvePoint(
            step=step,
            tokens=self._tokens_before,
            seconds=round(self.elapsed(), 1),
            loss=self._loss / self._tokens,
            floor=self._floor / self._tokens,
        )
        self._loss = self._floor = 0.0
        self._tokens = 0
        return point
