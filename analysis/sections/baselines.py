"""Every method against the baseline of its scope, and how much can go within a bound of damage."""

from statistics import median

from analysis.comparison import BASELINES, DAMAGE, DAMAGE_BOUND, Comparison, DamageRow, compare_with_baselines, headroom
from analysis.document import Block, Column, Inline, Strong, Table, paragraph
from analysis.numbers import count_of, percent, times
from analysis.section import Answers, Section
from analysis.sections.damage import share_of
from analysis.sections.dense import MISSING

LISTED_EXCEPTIONS = 6
LIMIT = (
    "The intervals are 95 % percentile intervals of the pruned model's perplexity over windows, divided by the dense "
    "value taken as exact; they are not paired with the baseline's on the same windows, so that overlap is no proof of "
    "equality."
)


# The ratio at which methods are set side by side in one picture, when it was measured.
def baseline_sentences(rows: list[DamageRow]) -> list[tuple[Inline, ...]]:
    """Say, for each method that has a baseline, on how many models it does better at each ratio."""
    comparisons = compare_with_baselines(rows)
    return [
        _baseline_sentence([item for item in comparisons if (item.method, item.baseline) == pair])
        for pair in sorted({(item.method, item.baseline) for item in comparisons})
    ]


def _baseline_sentence(group: list[Comparison]) -> tuple[Inline, ...]:
    at = {ratio: [item for item in group if item.ratio == ratio] for ratio in sorted({item.ratio for item in group})}
    parts = [f"{_score(items)} at {percent(ratio)}" for ratio, items in at.items()]
    clear = sum(item.verdict == "clearly better" for item in group)
    worse = [f"{item.model_id} at {percent(item.ratio)} ({item.verdict})" for item in group if item.worse]
    exceptions = f" Worse: {', '.join(worse[:LISTED_EXCEPTIONS])}{', …' if len(worse) > LISTED_EXCEPTIONS else ''}."
    return (
        Strong(f"{group[0].method} against {group[0].baseline}:"),
        f"better {', '.join(parts)}; intervals apart in {clear} of {len(group)}; {_medians([*at.values()][-1])}."
        + (exceptions if worse else ""),
    )


def _score(group: list[Comparison]) -> str:
    """Return "on 4 of 5 models (1 equal)"."""
    equal = sum(item.verdict == "equal" for item in group)
    better = f"on {sum(item.better for item in group)} of {count_of(len(group), 'model')}"
    return f"{better} ({equal} equal)" if equal else better


def _medians(group: list[Comparison]) -> str:
    """Compare the medians over models of comparisons at one ratio."""
    damage = times(median(item.damage for item in group))
    baseline = times(median(item.baseline_damage for item in group))
    return f"at {percent(group[0].ratio)} the median is {damage} dense against {baseline}"


def _baselines(answers: Answers) -> tuple[Block, ...]:
    rows = answers[DAMAGE]
    columns = (
        Column("Model"),
        Column("Asked share", numeric=True),
        Column("Method"),
        Column("Over dense", numeric=True),
        Column("Baseline"),
        Column("Over dense", numeric=True),
        Column("Verdict"),
    )
    cells = tuple(
        (
            item.model_id,
            percent(item.ratio),
            item.method,
            times(item.damage),
            item.baseline,
            times(item.baseline_damage),
            Strong(item.verdict) if item.verdict.startswith("clearly") else item.verdict,
        )
        for item in compare_with_baselines(rows)
    )
    scopes = {row.scope for row in rows}
    named = ", ".join(f"{baseline} for scope {scope}" for scope, baseline in BASELINES.items() if scope in scopes)
    explained = paragraph(f"Baselines: {named}. Intervals that do not overlap make a verdict clear.", LIMIT)
    return explained, Table(columns, cells)


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
    rows = answers[DAMAGE]
    ratios = ", ".join(percent(ratio) for ratio in sorted({row.ratio for row in rows}))
    sentence = (
        f"The greatest measured ratio ({ratios}) at which perplexity is at most {DAMAGE_BOUND:g} x dense. Scopes "
        "are not alike: half of the MLP neurons is less of a model than half of its layers; parameters left say how "
        "much went."
    )
    return paragraph(sentence), headroom_table(rows)


BASELINES_SECTION = Section("baselines", "Against the baselines", "reports/prune", (DAMAGE,), _baselines, MISSING)
HEADROOM_SECTION = Section("headroom", "How much can go", "reports/prune", (DAMAGE,), _headroom, MISSING)
