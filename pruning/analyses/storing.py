"""Results of analyses in the store: a component's rows in one transaction, and how each analysis ended."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.errors import UsageError
from pruning.analyses.records import Piece
from pruning.analyses.run import Ending, ending_detail
from pruning.analyses.specification import Order, Specification
from store import Query, Store
from store.provenance import git_commit
from store.records import AnalysisRecord, AnalysisStatus, ExperimentReason, RedundancyRecord

_QUERIES = Path(__file__).resolve().parent / "queries"
_DEVICES = "SELECT DISTINCT device FROM analyses WHERE status IN ('done', 'partial') ORDER BY device"
# A transaction costs ten milliseconds: components that come faster than this are written together.
_SECONDS_BETWEEN = 0.5
# What may end otherwise on another day; every other end stands until the specification or the options change.
_WORTH_RETRYING: tuple[ExperimentReason, ...] = ("timeout", "crashed")


@dataclass(frozen=True)
class EndingRow:
    """How an analysis ended last for some options."""

    analysis_key: str
    options: str
    status: AnalysisStatus
    reason: ExperimentReason | None


@dataclass(frozen=True)
class ComponentRow:
    """A component that has been measured."""

    analysis_key: str
    component: str


ENDINGS = Query(_QUERIES / "endings.sql", EndingRow)
FINISHED = Query(_QUERIES / "finished.sql", ComponentRow)


@dataclass
class PieceWriter:
    """Writes the components of one analysis as they come. Use `flush` at the end, whatever happened."""

    store: Store
    run_id: str
    specification: Specification
    _waiting: list[Piece] = field(default_factory=list)
    _written_at: float = -_SECONDS_BETWEEN

    def keep(self, piece: Piece) -> None:
        """Take a component; it is in the store half a second later at the latest when the next one comes."""
        self._waiting.append(piece)
        if time.monotonic() - self._written_at >= _SECONDS_BETWEEN:
            self.flush()

    def flush(self) -> None:
        """Write what waits in one transaction."""
        store_pieces(self.store, self.run_id, self.specification, self._waiting)
        self._waiting, self._written_at = [], time.monotonic()


def store_pieces(store: Store, run_id: str, specification: Specification, pieces: Sequence[Piece]) -> None:
    """Write components in one transaction; refused ones have no rows."""
    rows = [
        RedundancyRecord(
            run_id=run_id,
            model_id=specification.model_id,
            revision=specification.revision,
            analysis=specification.analysis,
            version=specification.version,
            seed=specification.seed,
            analysis_key=specification.key,
            **asdict(finding),
        )
        for piece in pieces
        for finding in piece.findings
    ]
    if rows:
        store.insert(rows)


def store_ending(store: Store, run_id: str, order: Order, ending: Ending, seconds: float) -> None:
    """Write how an analysis ended: one row a run, an analysis and its options."""
    record = AnalysisRecord(
        run_id=run_id,
        analysis_key=order.key,
        **asdict(order.specification),
        options=order.options,
        status=ending.status,
        reason=ending.reason,
        detail=ending_detail(ending),
        components=ending.components,
        seconds=seconds,
        git_commit=git_commit(),
    )
    store.insert([record])


def finished_components(store: Store, keys: Sequence[str]) -> dict[str, set[str]]:
    """Return what has been measured, by the key of the analysis."""
    found: dict[str, set[str]] = {key: set() for key in keys}
    for row in store.fetch(FINISHED, keys=[*found]):
        found[row.analysis_key].add(row.component)
    return found


def is_over(row: EndingRow | None) -> bool:
    """Return whether an analysis with these options needs no more work."""
    if row is None or row.status == "partial":
        return False
    return not (row.status == "failed" and row.reason in _WORTH_RETRYING)


def check_one_device(store: Store, device: str) -> None:
    """Raise `UsageError` where the store's numbers of analyses are of another device than cpu or cuda, as given.

    Of each analysis of a model the newest numbers count, and analyses are compared with one another.
    """
    found = {known.partition(":")[0] for (known,) in store.rows(_DEVICES)}
    if found - {device}:
        raise UsageError(
            f"--device: the store holds redundancy analyses computed on {' and '.join(sorted(found))}, expected are "
            f"those of one device, got {device}: take another --store for it, or --analyses none to prune without them"
        )


def last_endings(store: Store) -> dict[tuple[str, str], EndingRow]:
    """Return how analyses ended last, by key and options."""
    return {(row.analysis_key, row.options): row for row in store.fetch(ENDINGS)}
