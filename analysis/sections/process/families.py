"""Families: which models are the same plan."""

from dataclasses import dataclass
from functools import partial

from analysis.capped import capped
from analysis.document import Block, Code, Column, Picture, Table, paragraph
from analysis.figures.families import draw_families
from analysis.numbers import count_of, known_span, many, percent, short_count
from analysis.section import QUERIES, Answers, Section
from store import Query

MISSING = ("No families yet: run", Code("python run_pipeline.py --process"))
TOP_FAMILIES = 20
LISTED_FAMILIES = 100
LISTED_TRAITS = 60
FAMILY_COLUMNS = (
    Column("Family"),
    Column("Models", numeric=True),
    Column("Structures", numeric=True),
    Column("Layers", numeric=True),
    Column("Parameters", numeric=True),
    Column("Downloads", numeric=True),
    Column("Representative"),
    Column("Weights"),
)


@dataclass(frozen=True)
class FamilyRow:
    """A row of `families.sql`."""

    family_id: str
    strategy: str
    threshold: float
    n_models: int
    n_structures: int
    fewest_layers: int | None
    most_layers: int | None
    fewest_parameters: int | None
    most_parameters: int | None
    downloads: int | None
    representative: str | None
    representative_source: str | None
    has_weights: bool
    examples: list[str]


@dataclass(frozen=True)
class FamilyTraitRow:
    """A row of `family_traits.sql`."""

    family_id: str
    trait: str
    n_structures: int
    n_values: int
    trait_values: list[str]


@dataclass(frozen=True)
class RepresentativeRow:
    """A row of `representatives.sql`."""

    family_id: str
    model_id: str
    source: str
    objective: str
    n_parameters: int | None
    reason: str


FAMILIES: Query[FamilyRow] = Query(QUERIES / "families.sql", FamilyRow)
TRAITS: Query[FamilyTraitRow] = Query(QUERIES / "family_traits.sql", FamilyTraitRow)
REPRESENTATIVES: Query[RepresentativeRow] = Query(QUERIES / "representatives.sql", RepresentativeRow)


def families_picture(rows: list[FamilyRow]) -> Picture:
    """Return the picture of the largest families."""
    shown = rows[:TOP_FAMILIES]
    models = sum(row.n_models for row in rows)
    share = sum(row.n_models for row in shown) / models
    largest = f"The {count_of(len(shown), 'largest family')} of {many(len(rows))}"
    title = f"{largest} hold {percent(share)} of {count_of(models, 'model')}"
    return Picture(
        "largest_families",
        f"Bar chart of models a family: {title}",
        f"n = {count_of(models, 'model')} in {count_of(len(rows), 'family')}; ranges are over the members' structures.",
        shown,
        partial(draw_families, title=title),
    )


def families_table(rows: list[FamilyRow]) -> Table:
    """Return families with their ranges, in the order given."""
    columns = (*FAMILY_COLUMNS, Column("Members, for example"))
    return Table(columns, tuple(_family_cells(row) for row in rows))


def _family_cells(row: FamilyRow) -> tuple[str, ...]:
    return (
        row.family_id,
        many(row.n_models),
        many(row.n_structures),
        known_span(row.fewest_layers, row.most_layers),
        known_span(row.fewest_parameters, row.most_parameters),
        "not stated" if row.downloads is None else short_count(row.downloads),
        row.representative or "none",
        "yes" if row.has_weights else "no",
        ", ".join(row.examples) + (", …" if row.n_models > len(row.examples) else ""),
    )


def _families(answers: Answers) -> tuple[Block, ...]:
    rows = answers[FAMILIES]
    first = rows[0]
    single = sum(row.n_models == 1 for row in rows)
    sentence = (
        f"Strategy {first.strategy}, similarity threshold {first.threshold:g}: {count_of(len(rows), 'family')}, "
        f"{many(single)} of them with a single model. The {min(LISTED_FAMILIES, len(rows))} largest:"
    )
    return families_picture(rows), paragraph(sentence), families_table(rows[:LISTED_FAMILIES])


def _traits(answers: Answers) -> tuple[Block, ...]:
    rows = answers[TRAITS]
    families = len({row.family_id for row in rows})
    sentence = f"Same shape is not same function: members of {count_of(families, 'family')} differ in a trait."
    columns = (Column("Family"), Column("Trait"), Column("Structures", numeric=True), Column("Values"))
    cells = tuple(
        (row.family_id, row.trait, many(row.n_structures), ", ".join(sorted(row.trait_values, key=_number_or_text)))
        for row in rows
    )
    return paragraph(sentence), *capped(Table(columns, cells), most=LISTED_TRAITS)


def _number_or_text(value: str) -> tuple[bool, int, str]:
    """Sort whole numbers by size, then texts."""
    return (False, int(value), value) if value.isdecimal() else (True, 0, value)


def _representatives(answers: Answers) -> tuple[Block, ...]:
    columns = (Column("Family"), Column("Model"), Column("Source"), Column("Parameters", numeric=True), Column("Why"))
    cells = tuple(
        (
            row.family_id,
            row.model_id,
            row.source,
            "not read" if row.n_parameters is None else short_count(row.n_parameters),
            row.reason,
        )
        for row in answers[REPRESENTATIVES]
    )
    return capped(Table(columns, cells), most=LISTED_FAMILIES)


FAMILIES_SECTION = Section("families", "Families", "reports/process", (FAMILIES,), _families, MISSING)
TRAITS_SECTION = Section(
    "family-traits",
    "Differences within families",
    "reports/process",
    (TRAITS,),
    _traits,
    ("No family has members that differ in a trait, or there are no families yet.",),
)
REPRESENTATIVES_SECTION = Section(
    "representatives",
    "Representatives with weights",
    "reports/process",
    (REPRESENTATIVES,),
    _representatives,
    (
        "No family has a representative with weights, so stage prune has nothing to prune; reference models come with",
        Code("--source auto"),
    ),
)
