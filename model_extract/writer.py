"""Outcomes into the store, in transactions: an extraction never stands without its structure."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from model_extract.extraction import Extracted
from model_extract.reading import TRACER_VERSION, Structure
from store import RunHandle, Store
from store.records import (
    CrossCheckRecord,
    ModuleRecord,
    ModuleShapeRecord,
    ShapeTraceRecord,
    StructureRecord,
    TraitRecord,
)

BATCH = 200  # outcomes a transaction, at most
BATCH_SECONDS = 2.0  # ... or this long


class Writer:
    """Collects outcomes and writes them in transactions; each structure is written once."""

    def __init__(self, store: Store, handle: RunHandle) -> None:
        self._store, self._run_id = store, handle.run_id
        self._structures = _ids(store, "SELECT structure_id FROM extracted_structures")
        self._traced = _ids(store, f"SELECT structure_id FROM shape_traces WHERE version = {TRACER_VERSION}")  # noqa: S608  # our own number
        self._batch: list[Extracted] = []
        self._written_at = time.monotonic()

    def add(self, outcome: Extracted) -> None:
        """Take an outcome; it is written with the batch."""
        self._batch.append(outcome)
        if len(self._batch) >= BATCH or time.monotonic() - self._written_at >= BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        records = [replace(outcome.record, run_id=self._run_id) for outcome in self._batch]
        checks: list[CrossCheckRecord] = [
            replace(outcome.cross_check, run_id=self._run_id) for outcome in self._batch if outcome.cross_check
        ]
        found = [structure for outcome in self._batch for structure in outcome.structures]
        structures = [one for one in found if _is_new(one.summary.structure_id, self._structures)]
        traces = [one for one in found if one.trace and _is_new(one.summary.structure_id, self._traced)]
        self._store.insert(
            records,
            [replace(one.summary, run_id=self._run_id) for one in structures],
            [module for one in structures for module in one.modules],
            [TraitRecord(one.summary.structure_id, *item) for one in structures for item in one.traits.items()],
            [_trace_record(one, self._run_id) for one in traces],
            [row for one in traces for row in _shape_rows(one, self._run_id)],
            checks,
        )
        self._batch, self._written_at = [], time.monotonic()

    def load(self, structure_id: str) -> Structure:
        """Return a structure that was taken before: it may wait for its batch, and be in no table yet."""
        waiting = (one for outcome in self._batch for one in outcome.structures)
        found = next((one for one in waiting if one.summary.structure_id == structure_id), None)
        return found or load_structure(self._store, structure_id)


def load_structure(store: Store, structure_id: str) -> Structure:
    """Return a structure of the store."""
    chosen = {"structure": structure_id}
    summary = store.rows("SELECT * FROM extracted_structures WHERE structure_id = $structure", chosen)
    modules = store.rows("SELECT * FROM extracted_modules WHERE structure_id = $structure ORDER BY position", chosen)
    traits = store.rows("SELECT name, value FROM traits WHERE structure_id = $structure ORDER BY name", chosen)
    return Structure(
        summary=StructureRecord(*summary[0]),
        modules=tuple(ModuleRecord(*row) for row in modules),
        traits=dict(traits),
        architecture=None,
        note=None,
    )


def _ids(store: Store, sql: str) -> set[str]:
    return {row[0] for row in store.rows(sql)}


def _is_new(structure_id: str, known: set[str]) -> bool:
    new = structure_id not in known
    known.add(structure_id)
    return new


def _trace_record(structure: Structure, run_id: str) -> ShapeTraceRecord:
    trace = structure.trace
    assert trace is not None
    return ShapeTraceRecord(
        run_id=run_id,
        structure_id=structure.summary.structure_id,
        version=TRACER_VERSION,
        status="failed" if trace.failure else "traced",
        detail=trace.failure,
        inputs=trace.inputs,
    )


def _shape_rows(structure: Structure, run_id: str) -> Iterator[Any]:
    """Yield the shapes of each row of the structure; of a run of siblings those of its first one."""
    trace = structure.trace
    assert trace is not None
    for module in structure.modules:
        first = ".".join(part.partition("-")[0] if part[:1].isdecimal() else part for part in module.path.split("."))
        shapes = trace.shapes.get(first, (None, None))
        if shapes != (None, None):
            yield ModuleShapeRecord(run_id, module.structure_id, module.path, *shapes)
