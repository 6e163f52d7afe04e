"""What a reader takes and gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from model_extract.files import Files
from model_extract.formats.tensors import Tensor
from model_extract.listing import Listing
from model_extract.tree import Node, count_modules, count_parameters, depth, longest_block_run, module_rows
from pipeline.settings import Settings
from store.provenance import content_hash
from store.records import ExtractionReason, ModuleRecord, Provenance, StructureRecord

if TYPE_CHECKING:
    from model_extract.shapes.trace import ShapeTrace

# What a reader looks at: the config, the tensors' names and shapes, or a format that has a reader of its own.
View = Literal["config", "header", "own"]


TRACER_VERSION = 1  # of model_extract/shapes; a structure is traced again by a newer one


@dataclass(frozen=True)
class Structure:
    """What was read. `summary.run_id` is empty: the reader knows of no run."""

    summary: StructureRecord
    modules: tuple[ModuleRecord, ...]
    traits: dict[str, str]
    architecture: str | None
    note: str | None
    tensors: tuple[Tensor, ...] | None = None  # of a header, for the comparison with the config's view
    trace: "ShapeTrace | None" = None  # where shapes were asked for


@dataclass(frozen=True)
class Refusal:
    """Why nothing was read; `detail` holds the original words."""

    reason: ExtractionReason
    detail: str


@dataclass(frozen=True)
class ReadRequest:
    """One canonical config to build in a child process; `parts` are modules that follow it in a sequence."""

    config: dict[str, Any]
    max_modules: int
    shape_seconds: float | None = None  # None = shapes are not asked for
    parts: tuple[tuple[str, dict[str, Any]], ...] = ()  # class name and its own config


@dataclass(frozen=True)
class Blueprint:
    """A config that is to be built. Models with an equal `key` give equal structures and are built once."""

    request: ReadRequest
    key: str
    model_type: str | None
    own_code: bool = False  # the config names code of the repository's own
    quantised: bool = False  # the config says that the weights are quantised


@dataclass(frozen=True)
class Reader:
    """A plug-in that reads one kind of model.

    `suits` tells from the listing whether there is something to read; `read` fetches and parses, in a thread beside
    others, and raises `UnreadableError`. What must be built first comes back as a `Blueprint`.
    """

    name: str
    view: View
    suits: Callable[[Listing], bool]
    read: Callable[[Listing, Files, Settings], "Structure | Blueprint"]


def structure_of(
    folded: Node,
    provenance: Provenance,
    traits: dict[str, str],
    *,
    hidden_size: int | None,
    architecture: str | None,
    note: str | None,
) -> Structure:
    """Return the structure that a folded tree with its traits is; where it was read is part of its identity."""
    rows = [vars(row) for row in module_rows(folded, "")]
    structure_id = content_hash([provenance, rows, traits, hidden_size])
    summary = StructureRecord(
        run_id="",
        structure_id=structure_id,
        provenance=provenance,
        n_modules=count_modules(folded),
        n_parameters=count_parameters(folded),
        n_layers=longest_block_run(folded),
        hidden_size=hidden_size,
        max_depth=depth(folded),
    )
    modules = tuple(module_rows(folded, structure_id))
    return Structure(summary, modules, traits, architecture, note)
