"""How far the readings of a model can be trusted: config against tensor header, and shapes without weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from analysis.document import Block, Code, Column, Picture, Table, paragraph
from analysis.figures.architecture import draw_counts
from analysis.numbers import count_of, many, percent
from analysis.section import QUERIES, Answers, Section
from store import Query

_MEANINGS = {
    "agree": "the same parameters with the same shapes",
    "custom_code": "the config names code of its own, which is not run; the header is what counts",
    "experts_stacked": "the same experts, stacked in one tensor on one side",
    "tied_weights": "a tied weight is stored once",
    "quantised": "the tensors are packed by a quantisation",
    "prefix": "the same names under another prefix",
    "no_header": "the tensor header could not be read",
    "other": "none of these",
}
_EVIDENCE = {
    "same_model": "one model has both, and they agree",
    "same_body": "the same plan of the body in both views",
}
_LONGEST_DETAIL = 160
LISTED_ERRORS = 30


@dataclass(frozen=True)
class CrossCheckRow:
    """A row of `cross_checks.sql`."""

    verdict: str
    n_models: int
    shared: int
    only_config: int
    only_header: int
    example: str
    example_detail: str | None


@dataclass(frozen=True)
class MappingRow:
    """A row of `view_mappings.sql`."""

    evidence: str
    n_pairs: int
    n_header_structures: int
    n_config_structures: int


@dataclass(frozen=True)
class ShapeTraceRow:
    """A row of `shape_traces.sql`."""

    status: str
    error: str
    n_structures: int
    n_modules: int | None
    n_with_shapes: int | None
    example: str | None
    example_detail: str | None


@dataclass(frozen=True)
class Count:
    """A bar: how many things have a name."""

    name: str
    count: int


CROSS_CHECKS: Query[CrossCheckRow] = Query(QUERIES / "cross_checks.sql", CrossCheckRow)
MAPPINGS: Query[MappingRow] = Query(QUERIES / "view_mappings.sql", MappingRow)
SHAPE_TRACES: Query[ShapeTraceRow] = Query(QUERIES / "shape_traces.sql", ShapeTraceRow)


def _cross_checks(answers: Answers) -> tuple[Block, ...]:
    rows = answers[CROSS_CHECKS]
    models = sum(row.n_models for row in rows)
    agree = sum(row.n_models for row in rows if row.verdict == "agree")
    title = (
        f"Config and tensor header agree on {many(agree)} of {count_of(models, 'model')} ({percent(agree / models)})"
    )
    picture = Picture(
        "cross_checks",
        f"Bars of models by verdict: {title}",
        f"n = {count_of(models, 'model revision')} read in both views; each counts by its newest comparison.",
        [Count(row.verdict, row.n_models) for row in rows],
        partial(draw_counts, title=title, value_label="model revisions"),
    )
    columns = (
        Column("Verdict"),
        Column("What it means"),
        Column("Models", numeric=True),
        Column("Parameters in both", numeric=True),
        Column("Config alone", numeric=True),
        Column("Header alone", numeric=True),
        Column("For example"),
        Column("What was found"),
    )
    cells = tuple(
        (
            row.verdict,
            _MEANINGS.get(row.verdict, "not described"),
            many(row.n_models),
            many(row.shared),
            many(row.only_config),
            many(row.only_header),
            row.example,
            _short(row.example_detail),
        )
        for row in rows
    )
    return picture, Table(columns, cells), *_mappings(answers[MAPPINGS])


def _mappings(rows: Sequence[MappingRow]) -> tuple[Block, ...]:
    if not rows:
        return (paragraph("No structure of a tensor header is mapped to one of a config."),)
    columns = (
        Column("Evidence"),
        Column("What it means"),
        Column("Pairs", numeric=True),
        Column("Header structures", numeric=True),
        Column("Config structures", numeric=True),
    )
    cells = tuple(
        (
            row.evidence,
            _EVIDENCE.get(row.evidence, "not described"),
            many(row.n_pairs),
            many(row.n_header_structures),
            many(row.n_config_structures),
        )
        for row in rows
    )
    return paragraph(
        "From a tensor header back to a config's structure, so that custom code gets a family, too:"
    ), Table(columns, cells)


def _shape_traces(answers: Answers) -> tuple[Block, ...]:
    rows = answers[SHAPE_TRACES]
    structures = sum(row.n_structures for row in rows)
    traced = sum(row.n_structures for row in rows if row.status == "traced")
    modules = sum(row.n_modules or 0 for row in rows)
    shaped = sum(row.n_with_shapes or 0 for row in rows)
    title = (
        f"The forward came to its end on {many(traced)} of {count_of(structures, 'structure')} "
        f"({percent(traced / structures)})"
    )
    picture = Picture(
        "shape_traces",
        f"Bars of structures by how a forward without weights ended: {title}",
        f"n = {count_of(structures, 'structure')}; {many(shaped)} of {count_of(modules, 'module')} (runs of equal ones "
        "once) have a shape, also where a forward stopped half-way.",
        [Count(_ending(row), row.n_structures) for row in rows],
        partial(draw_counts, title=title, value_label="structures"),
    )
    columns = (
        Column("Forward"),
        Column("Error"),
        Column("Structures", numeric=True),
        Column("Modules with shapes", numeric=True),
        Column("For example"),
        Column("What it said"),
    )
    cells = tuple(
        (
            row.status,
            "" if row.status == "traced" else row.error,
            many(row.n_structures),
            percent((row.n_with_shapes or 0) / row.n_modules) if row.n_modules else "none",
            row.example or "none",
            _short(row.example_detail),
        )
        for row in rows[:LISTED_ERRORS]
    )
    return picture, Table(columns, cells)


def _ending(row: ShapeTraceRow) -> str:
    return row.status if row.status == "traced" else f"{row.status}: {row.error}"


def _short(detail: str | None) -> str:
    text = " ".join((detail or "").split())
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"


CROSS_CHECKS_SECTION = Section(
    "cross-checks",
    "Config against tensor header",
    "reports/extract",
    (CROSS_CHECKS, MAPPINGS),
    _cross_checks,
    ("No model was read in both views yet: run", Code("python -m model_extract run --source hub --views both")),
)
SHAPE_TRACES_SECTION = Section(
    "shape-traces",
    "Shapes without weights",
    "reports/extract",
    (SHAPE_TRACES,),
    _shape_traces,
    ("No shapes were recorded yet: run", Code("python -m model_extract run --shapes")),
)
