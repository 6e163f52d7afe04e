"""The prunability leaderboard: what each family of architectures can lose, scope by scope."""

from analysis.comparison import DAMAGE
from analysis.document import Block, Column, Inline, Strong, Subheading, Table, paragraph
from analysis.leaderboard import FamilyStanding, standings
from analysis.losses import LOSSES
from analysis.numbers import many, percent, share_of, times, times_with_interval
from analysis.section import Answers, Section
from analysis.sections.prune.dense import MISSING
from analysis.subjects import SUBJECTS

MOST_FAMILIES = 50
_HOW = (
    (
        "A row a family: its best method of the scope at the measured ratio nearest to 50 %, the hardiest first. "
        "Over dense is perplexity over the dense model's, paired on the same windows; of several models the median, "
        "and the interval from the least low end to the greatest high end."
    ),
    (
        "Random and trivial are the scope's baselines where they removed as much; in brackets on how many models the "
        "95 % interval of the paired ratio says that the method is better."
    ),
    "The best method is chosen on the windows that it is shown for: where methods are close, its number flatters it.",
)


def standings_tables(answers: Answers) -> tuple[Block, ...]:
    """Return a table a scope, at most 50 families each."""
    found = answers.derive(standings)
    blocks: list[Block] = []
    for scope in sorted({item.scope for item in found}):
        group = [item for item in found if item.scope == scope]
        blocks += [Subheading(scope.capitalize()), _table(group[:MOST_FAMILIES])]
        if len(group) > MOST_FAMILIES:
            blocks.append(paragraph(f"The first {MOST_FAMILIES} of {many(len(group))} families."))
    return tuple(blocks)


def _table(group: list[FamilyStanding]) -> Table:
    columns = (
        Column("Family"),
        Column("Best method"),
        Column("Asked share", numeric=True),
        Column("Over dense [95 %]", numeric=True),
        Column("Random (clearly better on)", numeric=True),
        Column("Trivial (clearly better on)", numeric=True),
        Column("Budget", numeric=True),
        Column("Parameters left", numeric=True),
        Column("Models", numeric=True),
        Column("Methods", numeric=True),
        Column("Windows", numeric=True),
    )
    return Table(columns, tuple(_cells(item) for item in group))


def _cells(item: FamilyStanding) -> tuple[Inline, ...]:
    return (
        Strong(item.family_id),
        item.method,
        percent(item.ratio),
        times_with_interval(item.damage, item.damage_low, item.damage_high),
        _baseline(item.random_damage, item.n_random_clear, item.n_models),
        _baseline(item.trivial_damage, item.n_trivial_clear, item.n_models),
        share_of(item.budget),
        share_of(item.parameters_left),
        str(item.n_models),
        str(item.n_methods),
        many(item.n_windows),
    )


def _baseline(damage: float | None, n_clear: int, n_models: int) -> str:
    if damage is None:
        return "nothing comparable"
    return f"{times(damage)} ({n_clear} of {n_models})"


def _standings(answers: Answers) -> tuple[Block, ...]:
    return paragraph(*_HOW), *standings_tables(answers)


STANDINGS_SECTION = Section(
    "standings", "Prunability by family", "reports/prune", (DAMAGE, LOSSES, SUBJECTS), _standings, MISSING
)
