"""Headlines about what was pruned and measured, and what would have told."""

from dataclasses import dataclass

from analysis.cited import Cited, cites
from analysis.comparison import DAMAGE
from analysis.document import Link, Number
from analysis.losses import LOSSES
from analysis.relations.constants import CITED_CONSTANTS, constant
from analysis.relations.scopes import ScopeRow, scope_rows
from analysis.section import QUERIES, Answers
from analysis.sections.index.words import CITED_SCOPES, CITED_TOTALS, TOTALS, Sentence, joined, method_link, strong
from store import Query


@dataclass(frozen=True)
class DenseFloorRow:
    """A row of `dense_floor.sql`."""

    n_models: int
    least: float
    greatest: float


@dataclass(frozen=True)
class CheckTotalsRow:
    """A row of `check_totals.sql`."""

    n_passed: int
    n_made: int


@dataclass(frozen=True)
class ProxyTotalsRow:
    """A row of `proxy_totals.sql`; target "all" counts every part of a layer."""

    target: str
    n_scores: int
    n_above: int
    n_below: int
    best: str | None
    best_rho: float | None
    best_low: float | None
    best_high: float | None


DENSE_FLOOR: Query[DenseFloorRow] = Query(QUERIES / "dense_floor.sql", DenseFloorRow)
CHECK_TOTALS: Query[CheckTotalsRow] = Query(QUERIES / "check_totals.sql", CheckTotalsRow)
PROXY_TOTALS: Query[ProxyTotalsRow] = Query(QUERIES / "proxy_totals.sql", ProxyTotalsRow)
QUERIES_USED = (TOTALS, DENSE_FLOOR, DAMAGE, LOSSES, CHECK_TOTALS, PROXY_TOTALS)
_CITED_FLOOR = Cited("dense_floor")
_CITED_CHECKS = Cited("check_totals")
_CITED_PROXIES = Cited("proxy_totals", ("target",))

WITHOUT_NUMBERS = Link("refused or failed", "reports/prune.md#experiments-without-numbers")


def floor_sentences(answers: Answers) -> list[Sentence]:
    """Say how near dense models are to the floor of their language, nothing where it is not known."""
    return [
        (
            strong(
                "Dense perplexity is ",
                _CITED_FLOOR.number(row, "least", "exact_times"),
                " to ",
                _CITED_FLOOR.number(row, "greatest", "exact_times"),
                " the exact floor of the language",
            ),
            joined("on ", *_CITED_FLOOR.counted(row, "n_models", "model"), " trained here."),
            cites(_CITED_FLOOR),
        )
        for row in answers[DENSE_FLOOR]
    ]


def damage_sentences(answers: Answers) -> list[Sentence]:
    """Name the scope that is hurt least at the headline ratio."""
    rows = answers.derive(scope_rows)
    if not rows:
        return []
    row = min(rows, key=lambda row: (row.damage, row.scope))
    return [
        (
            strong("Least damage at ", CITED_SCOPES.number(row, "ratio", "percent"), " asked:"),
            joined(method_link(row.method), f" ({row.scope}),"),
            joined(CITED_SCOPES.number(row, "damage", "times"), " dense perplexity, the median of"),
            joined(*CITED_SCOPES.counted(row, "n_models", "model"), *_against(row), "."),
            cites(CITED_SCOPES),
        )
    ]


def _against(row: ScopeRow) -> tuple[Number | str, ...]:
    if row.random_damage is None:
        return ()
    return f", against {row.random} ", CITED_SCOPES.number(row, "random_damage", "times")


def speed_sentences(answers: Answers) -> list[Sentence]:
    """Name the scope that is fastest at the headline ratio, as measured."""
    rows = [row for row in answers.derive(scope_rows) if row.latency_left is not None]
    if not rows:
        return []
    row = min(rows, key=lambda row: (row.latency_left or 0.0, row.scope))
    left = CITED_SCOPES.known(row, "parameters_left", "percent", "an unknown share")
    return [
        (
            strong("Fastest at ", CITED_SCOPES.number(row, "ratio", "percent"), " asked, as measured:"),
            joined(method_link(row.method), f" ({row.scope}),"),
            joined(CITED_SCOPES.number(row, "latency_left", "times"), " dense latency with ", left),
            joined("of the parameters left, at ", CITED_SCOPES.number(row, "damage", "times"), " dense perplexity."),
            cites(CITED_SCOPES),
        )
    ]


def experiment_sentences(answers: Answers) -> list[Sentence]:
    """Say how many experiments were done and how many not, nothing without damage."""
    [totals] = answers[TOTALS]
    if not answers[DAMAGE]:
        return []
    return [
        (
            strong(
                *CITED_TOTALS.counted(totals, "n_experiments", "experiment"),
                " done on ",
                *CITED_TOTALS.counted(totals, "n_pruned_models", "model"),
            ),
            "(with the dense models themselves),",
            joined(CITED_TOTALS.number(totals, "n_unfinished", "many"), " ", WITHOUT_NUMBERS, "."),
            cites(CITED_TOTALS),
        )
    ]


def check_sentences(answers: Answers) -> list[Sentence]:
    """Say how many sanity checks passed, nothing without checks."""
    return [
        (
            strong(
                _CITED_CHECKS.number(row, "n_passed", "many"),
                " of ",
                _CITED_CHECKS.number(row, "n_made", "many"),
                " sanity checks passed.",
            ),
            cites(_CITED_CHECKS),
        )
        for row in answers[CHECK_TOTALS]
    ]


def prediction_sentences(answers: Answers) -> list[Sentence]:
    """Say which cheap scores foretell damage, nothing where none was compared."""
    rows = answers[PROXY_TOTALS]
    if not rows:
        return []
    [everything] = [row for row in rows if row.target == "all"]
    parts = [row for row in rows if row.target != "all"]
    best = [part for row in parts if row.best is not None for part in ("; ", *_best(row))][1:]
    none = ", ".join(row.target for row in parts if row.best is None)
    wrong = _CITED_PROXIES.number(everything, "n_below", "many")
    return [
        (
            strong(
                _CITED_PROXIES.number(everything, "n_above", "many"),
                " of ",
                _CITED_PROXIES.number(everything, "n_scores", "many"),
                " cheap scores predict damage",
            ),
            joined(
                "(",
                constant("confidence", "percent"),
                " interval of Spearman's rho above ",
                constant("nothing", "plain"),
                "), ",
                wrong,
                " point the wrong way.",
            ),
            *([joined("Best: ", *best, ".")] if best else []),
            *([f"None for {none}."] if none else []),
            cites(_CITED_PROXIES, CITED_CONSTANTS),
        )
    ]


def _best(row: ProxyTotalsRow) -> tuple[Number | str, ...]:
    rho = _CITED_PROXIES.number(row, "best_rho", "correlation")
    interval = _CITED_PROXIES.interval(row, "best_low", "best_high", "correlation")
    return f"{row.best} for {row.target} ", rho, *interval
