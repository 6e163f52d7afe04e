"""Budgets: how much of each layer goes so that the whole loses what was asked. Without one every layer loses the same.

A budget is a name, a source and a function; `pruning.removal.weights.with_budget` makes the variant of a method.
"""

from pruning.budgets.owl import OWL
from pruning.budgets.records import Budget
from pruning.budgets.sensitivity import SENSITIVITY

__all__ = ["OWL", "SENSITIVITY", "Budget"]
