"""The headlines: short sentences, each with its numbers and the queries that they come from."""

from dataclasses import dataclass

from analysis.cited import Cited, cites
from analysis.comparison import DAMAGE
from analysis.document import Block, Bullets, Link, Number, paragraph
from analysis.losses import LOSSES
from analysis.relations.constants import constant
from analysis.relations.scopes import ScopeRow, scope_rows
from analysis.section import QUERIES, Answers, Section
from analysis.sections.extract.catalog import MISSING, SOURCES, SourceRow
from analysis.sections.index.words import (
    CITED_FAMILIES,
    CITED_SCOPES,
    CITED_TOTALS,
    TOTALS,
    Sentence,
    joined,
    method_link,
    strong,
)
from analysis.sections.process.families import FAMILIES
from analysis.sections.process.families import MISSING as NO_FAMILIES
from analysis.sections.process.names import DUPLICATES, widest_level
from analysis.sections.prune.dense import MISSING as NO_EXPERIMENTS
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
_CITED_SOURCES = Cited("sources", ("source",))
_CITED_DUPLICATES = Cited("duplicates", ("rule", "position"))
_CITED_FLOOR = Cited("dense_floor")
_CITED_CHECKS = Cited("check_totals")
_CITED_PROXIES = Cited("proxy_totals", ("target",))
_CITED_CONSTANTS = Cited("constants", ("name",))
WITHOUT_NUMBERS = Link("refused or failed", "reports/prune.md#experiments-without-numbers")


def _headlines(answers: Answers) -> tuple[Block, ...]:
    sentences = [
        *_least_damage(answers),
        *_speed(answers),
        *_prediction(answers),
        _mined(answers),
        *_families(answers),
        *_names(answers),
        *_floor(answers),
        *_experiments(answers),
        *_checks(answers),
    ]
    missing = [paragraph(*NO_FAMILIES)] if not answers[FAMILIES] else []
    missing += [paragraph(*NO_EXPERIMENTS)] if not answers[DAMAGE] else []
    return Bullets(tuple(sentences)), *missing


def _mined(answers: Answers) -> Sentence:
    [totals] = answers[TOTALS]
    listed = [part for row in answers[SOURCES] for part in (", ", *_source(row))][1:]
    return (
        strong(*CITED_TOTALS.counted(totals, "n_revisions", "model revision"), " mined"),
        joined("(", *listed, "):"),
        joined(CITED_TOTALS.number(totals, "n_extracted", "many"), " gave a structure,"),
        joined(CITED_TOTALS.number(totals, "n_structures", "many"), " of them distinct;"),
        joined(CITED_TOTALS.number(totals, "n_without", "many"), " did not, each with its reason below."),
        cites(CITED_TOTALS, _CITED_SOURCES),
    )


def _source(row: SourceRow) -> tuple[Number | str, ...]:
    at = f" at {row.greatest_revision}" if row.n_revisions == 1 else ""
    return _CITED_SOURCES.number(row, "n_models", "many"), f" from {row.source}{at}"


def _families(answers: Answers) -> list[Sentence]:
    rows = answers[FAMILIES]
    if not rows:
        return []
    [totals] = answers[TOTALS]
    largest = rows[0]
    return [
        (
            strong(
                *CITED_TOTALS.counted(totals, "n_families", "family"),
                " among ",
                *CITED_TOTALS.counted(totals, "n_family_models", "model"),
            ),
            f"(strategy {largest.strategy},",
            joined("threshold ", CITED_TOTALS.number(totals, "threshold", "plain"), ");"),
            f"the largest, {largest.family_id}, has",
            joined(*CITED_FAMILIES.counted(largest, "n_models", "model"), ";"),
            joined(
                CITED_TOTALS.number(totals, "n_families_with_weights", "many"), " have a representative with weights."
            ),
            cites(CITED_TOTALS, CITED_FAMILIES),
        )
    ]


def _names(answers: Answers) -> list[Sentence]:
    rows = answers[DUPLICATES]
    if not rows:
        return []
    widest = widest_level(rows)
    same = min((row for row in rows if row.rule == widest.rule), key=lambda row: row.position)
    cited = _CITED_DUPLICATES
    return [
        (
            strong(
                cited.number(widest, "duplicate_share", "percent"),
                " of ",
                cited.number(widest, "n_names", "many"),
                " distinct names are structural duplicates",
            ),
            joined("when width and depth are ignored, ", cited.number(same, "duplicate_share", "percent")),
            joined("when sizes must match; the earlier miner published ", constant("published_share", "percent")),
            joined("for ", constant("published_names", "many"), " Hub names."),
            cites(cited, _CITED_CONSTANTS),
        )
    ]


def _floor(answers: Answers) -> list[Sentence]:
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


def _least_damage(answers: Answers) -> list[Sentence]:
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


def _speed(answers: Answers) -> list[Sentence]:
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


def _experiments(answers: Answers) -> list[Sentence]:
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


def _checks(answers: Answers) -> list[Sentence]:
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


def _prediction(answers: Answers) -> list[Sentence]:
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
            cites(_CITED_PROXIES, _CITED_CONSTANTS),
        )
    ]


def _best(row: ProxyTotalsRow) -> tuple[Number | str, ...]:
    rho = _CITED_PROXIES.number(row, "best_rho", "correlation")
    interval = _CITED_PROXIES.interval(row, "best_low", "best_high", "correlation")
    return f"{row.best} for {row.target} ", rho, *interval


HEADLINES_SECTION = Section(
    "headlines",
    "Headlines",
    "README",
    (SOURCES, TOTALS, FAMILIES, DUPLICATES, DENSE_FLOOR, DAMAGE, LOSSES, CHECK_TOTALS, PROXY_TOTALS),
    _headlines,
    MISSING,
)
