"""Methods against the baselines of their scope, where both removed as much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.budgets import nearest_comparable
from analysis.comparison import DamageRow, damage_rows, losses_of
from analysis.grouped import grouped
from analysis.losses import Losses, Relative
from analysis.section import Answers

Verdict = Literal[
    "clearly better",
    "better, interval holds 1",
    "better, not paired",
    "equal",
    "worse, not paired",
    "worse, interval holds 1",
    "clearly worse",
    "not comparable",
]


@dataclass(frozen=True)
class Baselines:
    """What a method of a scope has to beat to be worth its trouble: chance, and the least that one can think of."""

    random: str
    trivial: str

    @property
    def names(self) -> tuple[str, str]:
        return self.random, self.trivial


BASELINES = {
    "weight": Baselines("random", "magnitude"),
    "neuron": Baselines("mlp-random", "mlp-maxmin"),
    "head": Baselines("heads-random-remove", "heads-magnitude-remove"),
    "layer": Baselines("depth-random", "depth-last"),
    "factorisation": Baselines("low-rank-random", "svd"),
    "expert": Baselines("experts-random", "experts-magnitude"),
}


@dataclass(frozen=True)
class Comparison:
    """A method against a baseline of its scope on one model, where both removed as much (`budgets.comparable`).

    Damages are perplexity over dense; `relative` is perplexity over the baseline's, None without losses by window.
    `baseline_row` is None when no ratio of the baseline is comparable.
    """

    row: DamageRow
    baseline: str
    baseline_row: DamageRow | None
    relative: Relative | None

    @property
    def verdict(self) -> Verdict:
        if self.baseline_row is None:
            return "not comparable"
        return _unpaired(self.row, self.baseline_row) if self.relative is None else _paired(self.relative)

    @property
    def better(self) -> bool:
        return "better" in self.verdict

    @property
    def worse(self) -> bool:
        return "worse" in self.verdict


def comparisons_of(answers: Answers) -> list[Comparison]:
    """Return every method against the baselines of its scope."""
    return compare_with_baselines(answers.derive(damage_rows), answers.derive(losses_of))


def compare_with_baselines(rows: Sequence[DamageRow], losses: Losses | None = None) -> list[Comparison]:
    """Return every method against each measured baseline of its scope, in the order of the rows.

    The baseline's ratio is the method's, or else the one of the nearest budget (`budgets.nearest_comparable`); a random
    baseline is compared with none.
    """
    measured = grouped(rows, lambda row: (row.source, row.model_id, row.method))
    return [
        _compared(row, name, nearest_comparable(row, measured[row.source, row.model_id, name]), losses)
        for row in rows
        for name in baselines_of(row)
        if (row.source, row.model_id, name) in measured
    ]


def baselines_of(row: DamageRow) -> tuple[str, ...]:
    """Return the baselines that a row is compared with: not itself, and the trivial one with the random one alone."""
    of_scope = BASELINES.get(row.scope)
    if of_scope is None or row.method == of_scope.random:
        return ()
    return tuple(name for name in of_scope.names if name != row.method)


def _compared(row: DamageRow, name: str, baseline: DamageRow | None, losses: Losses | None) -> Comparison:
    relative = losses.relative(row.place, baseline.place) if losses and baseline else None
    return Comparison(row, name, baseline, relative)


def _paired(found: Relative) -> Verdict:
    """Judge by the paired interval: sure when it leaves 1 out."""
    if found.value == 1:
        return "equal"
    if found.value < 1:
        return "clearly better" if found.high < 1 else "better, interval holds 1"
    return "clearly worse" if found.low > 1 else "worse, interval holds 1"


def _unpaired(row: DamageRow, baseline: DamageRow) -> Verdict:
    """Judge without losses by window: nothing is sure."""
    if row.damage == baseline.damage:
        return "equal"
    return "better, not paired" if row.damage < baseline.damage else "worse, not paired"
