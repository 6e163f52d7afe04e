"""Prunability on the index: the best of each scope over models and by model, and what each model can lose."""

from collections import Counter

from analysis.budgets import budget_note
from analysis.cited import Cited, cites
from analysis.comparison import DAMAGE
from analysis.document import Block, Column, Inline, Joined, Link, Subheading, Table, paragraph
from analysis.losses import LOSSES
from analysis.relations.constants import CITED_CONSTANTS, constant
from analysis.relations.scopes import (
    MEASURED_FAMILIES,
    BestRow,
    HeadroomRow,
    ScopeRow,
    best_rows,
    headroom_rows,
    scope_rows,
)
from analysis.section import Answers, Section
from analysis.sections.index.words import (
    CITED_BEST,
    CITED_HEADROOM,
    CITED_SCOPES,
    joined,
    method_link,
    model_link,
)
from analysis.sections.prune.dense import MISSING

LISTED_ROWS = 30
LISTED_MODELS = 12


def _prunability(answers: Answers) -> tuple[Block, ...]:
    return (
        *_scopes(answers.derive(scope_rows)),
        *_leaderboard(answers.derive(best_rows)),
        *_headroom(answers.derive(headroom_rows)),
    )


def _scopes(rows: list[ScopeRow]) -> tuple[Block, ...]:
    explained = paragraph(
        joined("The method with the least damage of each scope at ", CITED_SCOPES.number(rows[0], "ratio", "percent")),
        "asked of the scope's own units: perplexity over the dense model's, the median over models and in brackets the "
        "least and the greatest. Clearly better: models where the paired",
        joined(constant("confidence", "percent"), " interval of perplexity over the trivial baseline's (or else the"),
        joined("random one's) lies below ", constant("no_damage", "plain"), "."),
        "Parameters left and latency: means over models, in brackets how many of them have fewer parameters; in the "
        "others zeros or a low rank lie in the old shape.",
        cites(CITED_SCOPES, CITED_CONSTANTS),
    )
    columns = (
        Column("Scope"),
        Column("Best method"),
        Column("Over dense", numeric=True),
        Column("Trivial baseline", numeric=True),
        Column("Random", numeric=True),
        Column("Clearly better", numeric=True),
        Column("Parameters left", numeric=True),
        Column("Latency over dense", numeric=True),
    )
    return explained, Table(columns, tuple(_scope_cells(row) for row in rows))


def _scope_cells(row: ScopeRow) -> tuple[Inline, ...]:
    cited = CITED_SCOPES
    return (
        row.scope,
        method_link(row.method),
        joined(
            cited.number(row, "damage", "times"), *cited.interval(row, "least_damage", "greatest_damage", "multiple")
        ),
        _baseline(cited, row, "trivial"),
        _baseline(cited, row, "random"),
        joined(cited.number(row, "n_clear", "many"), " of ", cited.number(row, "n_compared", "many")),
        _parameters(row),
        cited.known(row, "latency_left", "times", "not measured"),
    )


def _parameters(row: ScopeRow) -> Inline:
    """Return "78 % (4 of 5)"."""
    if row.parameters_left is None:
        return "not measured"
    counts = (CITED_SCOPES.number(row, "n_smaller", "many"), " of ", CITED_SCOPES.number(row, "n_models", "many"))
    return joined(CITED_SCOPES.number(row, "parameters_left", "percent"), " (", *counts, ")")


def _baseline(cited: Cited, row: ScopeRow | BestRow, which: str) -> Inline:
    """Return "magnitude 2.12 x", nothing where it is the best itself or not comparable."""
    name = getattr(row, which)
    return "" if name is None else joined(f"{name} ", cited.number(row, f"{which}_damage", "times"))


def shown_rows(rows: list[BestRow], limit: int = LISTED_ROWS) -> list[BestRow]:
    """Return the first rows of each scope, as many of each, at most `limit` in all (but one of each scope)."""
    if len(rows) <= limit:
        return rows
    each = max(1, limit // len({row.scope for row in rows}))
    seen = Counter[str]()
    shown = []
    for row in rows:
        seen[row.scope] += 1
        if seen[row.scope] <= each:
            shown.append(row)
    return shown


def _leaderboard(rows: list[BestRow]) -> tuple[Block, ...]:
    if not rows:
        return ()
    shown = shown_rows(rows)
    cut = () if len(shown) == len(rows) else ("The first of each scope; all of them:", *_files("best_by_scope"))
    explained = paragraph(
        "Least damage first. Over dense: perplexity over the dense model's on the same windows, the geometric mean",
        joined("over seeds, with its ", constant("confidence", "percent"), " interval over windows, and over seeds"),
        "where there are several. Baselines are set beside it where they removed the same share of prunable weights,",
        joined("to ", constant("budget_tolerance", "plain"), ". Budget: that share; of copies and low rank the share"),
        "of own units. n = evaluation windows and seeds.",
        *cut,
        cites(CITED_BEST, CITED_CONSTANTS),
    )
    columns = (
        Column("Scope"),
        Column("Model"),
        Column("Family"),
        Column("Best method"),
        Column("Over dense [interval]", numeric=True),
        Column("Trivial baseline", numeric=True),
        Column("Random", numeric=True),
        Column("Budget", numeric=True),
        Column("Parameters left", numeric=True),
        Column("Latency over dense", numeric=True),
        Column("n", numeric=True),
    )
    return Subheading("By model and scope"), explained, Table(columns, tuple(_best_cells(row) for row in shown))


def _best_cells(row: BestRow) -> tuple[Inline, ...]:
    cited = CITED_BEST
    budget = cited.known(row, "budget", "exact_percent", "not measured")
    return (
        row.scope,
        model_link(row.source, row.model_id),
        row.family_id or "none",
        method_link(row.method),
        joined(cited.number(row, "damage", "times"), *cited.interval(row, "damage_low", "damage_high", "multiple")),
        _baseline(cited, row, "trivial"),
        _baseline(cited, row, "random"),
        joined(budget, budget_note(row.removed_as)),
        cited.known(row, "parameters_left", "exact_percent", "not measured"),
        cited.known(row, "latency_left", "times", "not measured"),
        joined(cited.number(row, "n_windows", "many"), " and ", cited.number(row, "n_seeds", "many")),
    )


def _files(relation: str) -> tuple[Inline, ...]:
    return (
        Link(f"{relation}.csv", f"csv_data/{relation}.csv"),
        "and",
        joined(Link("every method and ratio", "reports/prune.md"), "."),
    )


def _headroom(rows: list[HeadroomRow]) -> tuple[Block, ...]:
    scopes = sorted({row.scope for row in rows})
    models = sorted({(row.model_id, row.source) for row in rows})
    found = {(row.model_id, row.source, row.scope): row for row in rows}
    cut = (
        () if len(models) <= LISTED_MODELS else ("The first models by name; all of them:", *_files("headroom_by_scope"))
    )
    explained = paragraph(
        "The greatest measured share of each scope's own units that can go with perplexity at most",
        joined(constant("damage_bound", "times"), " dense, and the method that does it."),
        "Shares of different scopes are not alike: half of the layers is more of a model than half of the neurons.",
        *cut,
        cites(CITED_HEADROOM, CITED_CONSTANTS),
    )
    columns = (Column("Model"), *(Column(scope.capitalize()) for scope in scopes))
    cells = tuple(
        (model_link(source, model), *(_headroom_cell(found.get((model, source, scope))) for scope in scopes))
        for model, source in models[:LISTED_MODELS]
    )
    return Subheading("What can go"), explained, Table(columns, cells)


def _headroom_cell(row: HeadroomRow | None) -> Inline:
    if row is None:
        return "not measured"
    if row.method is None:
        return "none of the ratios"
    ratio = CITED_HEADROOM.number(row, "ratio", "percent")
    return Joined((ratio, " (", method_link(row.method), " ", CITED_HEADROOM.number(row, "damage", "times"), ")"))


PRUNABILITY_SECTION = Section(
    "leaderboard", "Prunability", "README", (DAMAGE, LOSSES, MEASURED_FAMILIES), _prunability, MISSING
)
