"""What is there: analyses, configurations, and named queries over the measurements of all models in a store."""

from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.progress import Progress
from pipeline.registry import Registry
from pipeline.settings import Settings
from pruning.analyses import ANALYSES, Analysis
from pruning.analyses.configurations import load_configuration, shipped
from pruning.analyses.export import csv_bytes
from pruning.depth.output import check_file, write_file
from store import Query, Store

_QUERIES = Path(__file__).resolve().parent / "queries"


@dataclass(frozen=True)
class ReplacementMinusAblation:
    """Damage (nats per token) of a replacement, of ablating the same part, and their difference."""

    source: str
    model_id: str
    target: str
    layer: int
    other_layer: int
    measure: str
    replacement: float
    ablation: float
    difference: float


@dataclass(frozen=True)
class RankByTarget:
    """Relative ranks, fractions of the smaller side, over the matrices of one kind in one model."""

    source: str
    model_id: str
    variant: str | None
    target: str | None
    threshold: float | None
    matrices: int
    mean_relative_rank: float
    least_relative_rank: float
    greatest_relative_rank: float


@dataclass(frozen=True)
class AblationByLayer:
    """Damage of ablating one part of one layer; None = not measured."""

    source: str
    model_id: str
    target: str
    layer: int
    depth: float
    loss_increase: float | None
    kl: float | None
    top1_agreement: float | None
    windows: int | None


@dataclass(frozen=True)
class LayerDistances:
    """How alike the hidden states at two boundaries between layers are; 0 = what enters the first layer."""

    source: str
    model_id: str
    analysis: str
    measure: str
    boundary: int
    other_boundary: int
    value: float
    unit: str


@dataclass(frozen=True)
class NamedQuery:
    """A question over all models; the first comment of its file says what a row is."""

    name: str
    row: type[Any]

    @property
    def query(self) -> Query[Any]:
        """Return the query."""
        return Query(_QUERIES / f"{self.name}.sql", self.row)

    @property
    def meaning(self) -> str:
        """Return what a row is."""
        lines = self.query.sql().splitlines()
        comment = [
            line.removeprefix("-- ") for line in lines[: next(i for i, line in enumerate(lines) if line[:2] != "--")]
        ]
        return " ".join(comment)


NAMED_QUERIES: Registry[NamedQuery] = Registry(
    "query",
    [
        NamedQuery("replacement_minus_ablation", ReplacementMinusAblation),
        NamedQuery("rank_by_target", RankByTarget),
        NamedQuery("ablation_by_layer", AblationByLayer),
        NamedQuery("layer_distances", LayerDistances),
    ],
)


def analyses_command(progress: Progress) -> None:
    """List the analyses, the configurations and the queries."""
    for analysis in ANALYSES:
        options = _defaults(analysis)
        words = ", ".join(f"{name}={value}" for name, value in options.items()) or "none"
        progress.result(
            f"{analysis.name:<16} reads {analysis.reads:<12} {analysis.source}; options: {words}",
            name=analysis.name,
            version=analysis.version,
            reads=analysis.reads,
            source=analysis.source,
            options=options,
        )
    for name in shipped():
        found = load_configuration(name)
        steps = [step.analysis.name for step in found.steps]
        text = f"configuration {name}: {found.description} ({', '.join(steps)})"
        progress.result(text, configuration=name, description=found.description, analyses=steps)
    for query in NAMED_QUERIES:
        progress.result(f"query {query.name}: {query.meaning}", query=query.name, meaning=query.meaning)


def query_command(name: str, csv: Path | None, settings: Settings, progress: Progress) -> None:
    """Answer a named query as CSV, in a file or on standard output."""
    named = NAMED_QUERIES[name]
    if csv is not None:
        check_file(csv, overwrite=True)
    with Store.open(settings.store, create=False) as store:
        rows = store.fetch(named.query)
    content = csv_bytes(named.row, rows)
    if csv is None:
        progress.result(content.decode("utf-8").rstrip("\n"), query=name, rows=[asdict(row) for row in rows])
    else:
        write_file(csv, content, overwrite=True)
        progress.result(f"{len(rows):,} rows: {csv}", query=name, rows=len(rows), output=str(csv))


def _defaults(analysis: Analysis[Any]) -> dict[str, Any]:
    """Return the options of an analysis with their defaults."""
    found = {}
    for field in fields(analysis.options):
        made = field.default_factory() if field.default_factory is not MISSING else None
        found[field.name] = field.default if field.default is not MISSING else made
    return found
