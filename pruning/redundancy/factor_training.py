"""Low-rank factors of one matrix, trained by Adam (arXiv 1412.6980) on the second moment of its inputs alone."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from pruning.errors import NotFiniteError
from pruning.redundancy.factor_starts import Factors, Target

if TYPE_CHECKING:
    import torch

# Points of a loss curve, its ends included; fewer where steps coincide.
_POINTS = 20
# The first steps of Adam move every entry by the full rate whatever its gradient: they are kept small.
_WARM_UP = 0.1


@dataclass(frozen=True)
class Loss:
    """Relative losses of factors after `step` steps, 0 = W itself, 1 = zeros, E = W - A B.

    `tensor`: |E|_F^2 / |W|_F^2; `activation`: tr(E S E^T) / tr(W S W^T), S the second moment of the inputs.
    """

    step: int
    tensor: float
    activation: float


@dataclass(frozen=True)
class _Error:
    """|(W - A B) F|_F^2 / |W F|_F^2: `seen` is W F; F None = the identity."""

    seen: "torch.Tensor"
    root: "torch.Tensor | None"

    def of(self, outputs: "torch.Tensor", inputs: "torch.Tensor") -> "torch.Tensor":
        """Return the error of the factors A and B, a sum of squares."""
        mapped = inputs if self.root is None else inputs @ self.root
        return (self.seen - outputs @ mapped).square().sum() / self.seen.square().sum()


def _tensor_error(target: Target) -> _Error:
    return _Error(target.rows, None)


def _activation_error(target: Target) -> _Error:
    return _Error(target.rows @ target.root, target.root)


# What is made small, by name.
OBJECTIVES: dict[str, Callable[[Target], _Error]] = {"activation": _activation_error, "tensor": _tensor_error}


def loss_curve(target: Target, start: Factors, objective: str, steps: int, learning_rate: float) -> list[Loss]:
    """Train factors and return their losses at about 20 of 0 to `steps` steps, evenly spaced in their logarithm.

    `learning_rate` is in the usual size of an entry, (mean square of W / rank)^(1/4), so that one rate suits matrices
    of any size and scale; it rises over the first tenth of the steps and falls to 0 at the last. Trained in fp32 and
    measured in fp64. Raises `NotFiniteError` when a loss is NaN or infinite.
    """
    import torch

    size = float((target.rows.square().mean() / len(start.inputs)) ** 0.25)
    scaled = Target(target.name, (target.rows / size**2), target.root / target.root.norm())
    errors = _tensor_error(target), _activation_error(target)
    measured = recorded_steps(steps)
    curve = [_loss(target, errors, start, 0)]
    with torch.inference_mode(mode=False), torch.enable_grad():
        factors = [(each / size).float().requires_grad_() for each in (start.outputs, start.inputs)]
        error = _in_fp32(OBJECTIVES[objective](scaled))
        optimiser = torch.optim.Adam(factors, lr=learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_share(step, steps))
        for step in range(1, steps + 1):
            optimiser.zero_grad()
            error.of(*factors).backward()
            optimiser.step()
            schedule.step()
            if step in measured:
                found = Factors(*(each.detach().double() * size for each in factors))
                curve.append(_loss(target, errors, found, step))
    return curve


def recorded_steps(steps: int) -> list[int]:
    """Return the steps at which losses are measured: 0, 1, ..., `steps`, which is at least 1."""
    return sorted({0, *(round(steps ** (index / (_POINTS - 2))) for index in range(_POINTS - 1))})


def rate_share(step: int, steps: int) -> float:
    """Return the share of the learning rate at a step counted from 0, in (0, 1]; 0 after the last."""
    warm = max(1, round(_WARM_UP * steps))
    return min((step + 1) / warm, (steps - step) / max(1, steps - warm), 1)


def _in_fp32(error: _Error) -> _Error:
    return _Error(error.seen.float(), None if error.root is None else error.root.float())


def _loss(target: Target, errors: tuple[_Error, _Error], factors: Factors, step: int) -> Loss:
    tensor, activation = (float(error.of(factors.outputs, factors.inputs)) for error in errors)
    if not (isfinite(tensor) and isfinite(activation)):
        raise NotFiniteError(f"{target.name}: the loss of its factors after {step} steps is NaN or infinite")
    return Loss(step, tensor, activation)
