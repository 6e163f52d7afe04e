"""Every method against the baseline of its scope, and how much can go within a bound of damage."""

from statistics import median

from analysis.baselines import BASELINES, Comparison, baselines_of, comparisons_of
from analysis.budgets import TOLERANCE, budget_of
from analysis.capped import capped
from analysis.comparison import DAMAGE, DAMAGE_BOUND, DamageRow, damage_rows, headline_ratio, headroom
from analysis.document import Block, Bullets, Column, Inline, Strong, Table, paragraph
from analysis.losses import LOSSES
from analysis.numbers import count_of, percent, share_of, times, with_interval
from analysis.section import Answers, Section
from analysis.sections.prune.damage import IN_FULL, at_headline
from analysis.sections.prune.dense import MISSING

LISTED_EXCEPTIONS = 6
HOW = (
    (
        f"Compared are results on the same model that removed the same share of prunable weights, to {TOLERANCE:g}; "
        "copies and low rank, which leave as many weights, are compared among themselves by the share of own units."
    ),
    (
        "Where the asked ratio gave another budget, the baseline's nearest measured ratio within that is taken; where "
        "there is none, nothing is compared."
    ),
    (
        "The ratio of perplexities has a 95 % interval from drawing windows anew, the same for both, and the mean over "
        "seeds where there are several; a verdict is clear when the interval leaves 1 out. Of one draw the interval is "
        "of that draw: it is over windows alone and decides nothing about other draws."
    ),
)


def baseline_sentences(comparisons: list[Comparison]) -> list[tuple[Inline, ...]]:
    """Say, for each method that has a baseline, on how many models it does better at each ratio."""
    found = [item for item in comparisons if item.baseline_row is not None]
    pairs = sorted({(item.row.method, item.baseline) for item in found})
    return [_baseline_sentence([item for item in found if (item.row.method, item.baseline) == pair]) for pair in pairs]


def _baseline_sentence(group: list[Comparison]) -> tuple[Inline, ...]:
    at = {
        ratio: [item for item in group if item.row.ratio == ratio]
        for ratio in sorted({item.row.ratio for item in group})
    }
    parts = [f"{_score(items)} at {percent(ratio)}" for ratio, items in at.items()]
    clear = sum(item.verdict == "clearly better" for item in group)
    worse = [f"{item.row.model_id} at {percent(item.row.ratio)} ({item.verdict})" for item in group if item.worse]
    sentence = (
        Strong(f"{group[0].row.method} against {group[0].baseline}:"),
        f"better {', '.join(parts)}; clearly so in {clear} of {len(group)}; {_medians([*at.values()][-1])}.",
    )
    exceptions = f"Worse: {', '.join(worse[:LISTED_EXCEPTIONS])}{', …' if len(worse) > LISTED_EXCEPTIONS else ''}."
    return (*sentence, exceptions) if worse else sentence


def _score(group: list[Comparison]) -> str:
    """Return "on 4 of 5 models (1 equal)"."""
    equal = sum(item.verdict == "equal" for item in group)
    better = f"on {sum(item.better for item in group)} of {count_of(len(group), 'model')}"
    return f"{better} ({equal} equal)" if equal else better


def _medians(group: list[Comparison]) -> str:
    """Compare the medians over models of comparisons at one ratio."""
    damage = times(median(item.row.damage for item in group))
    baseline = times(median(item.baseline_row.damage for item in group if item.baseline_row))
    return f"at {percent(group[0].row.ratio)} the median is {damage} dense against {baseline}"


def _baselines(answers: Answers) -> tuple[Block, ...]:
    columns = (
        Column("Model"),
        Column("Method"),
        Column("Asked share", numeric=True),
        Column("Budget", numeric=True),
        Column("Over dense", numeric=True),
        Column("Baseline"),
        Column("Asked share", numeric=True),
        Column("Budget", numeric=True),
        Column("Over dense", numeric=True),
        Column("Over baseline [95 %]", numeric=True),
        Column("Windows", numeric=True),
        Column("Seeds", numeric=True),
        Column("Verdict"),
    )
    comparisons = answers.derive(comparisons_of)
    scopes = {item.row.scope for item in comparisons}
    named = "; ".join(f"{scope}: {' and '.join(found.names)}" for scope, found in BASELINES.items() if scope in scopes)
    explained = paragraph(f"Baselines by scope, chance and the trivial choice: {named}.", *HOW)
    sentences = [item for item in comparisons if item.baseline == baselines_of(item.row)[-1]]
    said = Bullets(tuple(baseline_sentences(sentences)))
    rows = answers.derive(damage_rows)
    cells = tuple(_cells(item) for item in comparisons if item.row.ratio == headline_ratio(rows))
    return explained, said, paragraph(*at_headline(rows)), *capped(Table(columns, cells), IN_FULL)


def _cells(item: Comparison) -> tuple[Inline, ...]:
    row, other, found = item.row, item.baseline_row, item.relative
    return (
        row.model_id,
        row.method,
        percent(row.ratio),
        share_of(budget_of(row)),
        times(row.damage),
        item.baseline,
        percent(other.ratio) if other else "",
        share_of(budget_of(other)) if other else "",
        times(other.damage) if other else "",
        with_interval(found.value, found.low, found.high) if found else "",
        str(found.n_windows) if found else "",
        f"{found.n_seeds} and {found.n_other_seeds}" if found else "",
        Strong(item.verdict) if item.verdict.startswith("clearly") else item.verdict,
    )


def headroom_table(rows: list[DamageRow]) -> Table:
    """Return, for each model and method, the greatest ratio within the damage bound."""
    columns = (
        Column("Model"),
        Column("Scope"),
        Column("Method"),
        Column("Can lose", numeric=True),
        Column("Over dense", numeric=True),
        Column("Parameters left", numeric=True),
        Column("Prunable weights gone or zero", numeric=True),
    )
    cells = tuple(
        (
            item.model_id,
            item.scope,
            item.method,
            "none of the ratios" if item.ratio is None else percent(item.ratio),
            "" if item.damage is None else times(item.damage),
            "" if item.ratio is None else share_of(item.parameters_left),
            "" if item.ratio is None else share_of(item.removed_fraction),
        )
        for item in headroom(rows)
    )
    return Table(columns, cells)


def _headroom(answers: Answers) -> tuple[Block, ...]:
    rows = answers.derive(damage_rows)
    ratios = ", ".join(percent(ratio) for ratio in sorted({row.ratio for row in rows}))
    sentence = (
        f"The greatest measured ratio ({ratios}) at which perplexity is at most {DAMAGE_BOUND:g} x dense. Scopes "
        "are not alike: half of the MLP neurons is less of a model than half of its layers; parameters left say how "
        "much went."
    )
    return paragraph(sentence), *capped(headroom_table(rows), IN_FULL)


BASELINES_SECTION = Section(
    "baselines", "Against the baselines", "reports/prune", (DAMAGE, LOSSES), _baselines, MISSING
)
HEADROOM_SECTION = Section("headroom", "How much can go", "reports/prune", (DAMAGE, LOSSES), _headroom, MISSING)
