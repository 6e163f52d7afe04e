"""What a healing did."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Healed:
    """A healing. `loss_before` and `loss_after` are nats per token of the calibration text, of the model as it was and
    as it is now, zeros and all. `matrices` were trained; `left_out` could not be; `zeros` weights were kept at zero.
    """

    full: bool
    steps: int
    learning_rate: float
    seed: int
    loss_before: float
    loss_after: float
    matrices: int
    left_out: int
    zeros: int

    def sentence(self) -> str:
        """Return what was done, for people."""
        what = "all parameters" if self.full else f"low-rank additions to {self.matrices} matrices, merged,"
        kept = f"; {self.zeros:,} weights that were zero are zero again" if self.zeros else ""
        out = f"; {self.left_out} matrices of stacked experts stay as they were" if self.left_out else ""
        return (
            f"{what} trained for {self.steps} steps (rate {self.learning_rate:g}, seed {self.seed}): loss on the "
            f"calibration text {self.loss_before:.4f} before, {self.loss_after:.4f} after, nats per token{kept}{out}"
        )
