"""Healing: a short training of a pruned model on calibration text. What is zero stays zero."""

from pruning.healing.records import Healed
from pruning.healing.train import heal

__all__ = ["Healed", "heal"]
