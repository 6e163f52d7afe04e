"""`python -m model_extract show MODEL`: one model's module tree, folded, as text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from model_extract.auto_classes import registered_types
from model_extract.extraction import Extracted, extract
from model_extract.listing import Context, Listing
from model_extract.reading import Structure
from model_extract.sources import builtin, directory
from model_extract.text import storable
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.text import count_of, printable
from store import Query, Store
from store.records import ExtractionReason, ExtractionStatus, ModuleRecord, SourceName

SHOWN_MODEL_FILE = Path(__file__).resolve().parent / "queries" / "shown_model.sql"


@dataclass(frozen=True)
class ShownModel:
    """The state of a model in the store."""

    model_id: str
    source: SourceName
    revision: str
    status: ExtractionStatus
    reason: ExtractionReason | None
    detail: str | None
    structure_id: str | None
    architecture: str | None


SHOWN_MODEL = Query(SHOWN_MODEL_FILE, ShownModel)


@dataclass(frozen=True)
class Shown:
    """A model's tree and what is worth saying above it."""

    title: str
    modules: Sequence[ModuleRecord]
    traits: dict[str, str]


def find(name: str, store: Store | None, settings: Settings) -> Shown:
    """Return the tree of a stored model, of a registered type, or of a checkpoint or config file at a path.

    Raises `UsageError` with near matches when there is none of these.
    """
    stored = store.fetch(SHOWN_MODEL, model=name) if store else []
    if store and stored:
        return _from_store(store, stored[0])
    folder = _folder(Path(name))
    listing = _builtin(name) or _path(name, folder)
    if listing is None:
        raise _unknown(name, store)
    inside = settings.model_copy(update={"directory": str(folder)})
    (outcome,) = extract([listing], {}, Context(inside), _nothing_stored)
    return _from_outcome(outcome)


def lines(shown: Shown) -> Iterator[str]:
    """Yield the lines of the tree: name, class, parameters and how often it repeats."""
    yield shown.title
    if shown.traits:
        yield ", ".join(f"{name} {value}" for name, value in shown.traits.items())
    for module in shown.modules:
        name = module.path.rpartition(".")[2] or "(root)"
        repeats = f" x{module.repeats}" if module.repeats > 1 else ""
        shapes = "" if module.parameter_shapes == "{}" else f" {module.parameter_shapes}"
        indent = "  " * module.depth
        yield printable(f"{indent}{name}{repeats}: {module.class_name}{shapes}", 200)


def _from_store(store: Store, model: ShownModel) -> Shown:
    if model.structure_id is None:
        return Shown(_failed(model.model_id, model.status, model.reason, model.detail), (), {})
    rows = store.rows(
        "SELECT * FROM extracted_modules WHERE structure_id = $structure ORDER BY position",
        {"structure": model.structure_id},
    )
    traits = store.rows(
        "SELECT name, value FROM traits WHERE structure_id = $structure ORDER BY name",
        {"structure": model.structure_id},
    )
    modules = [ModuleRecord(*row) for row in rows]
    return Shown(_title(model.model_id, model.architecture, modules), modules, dict(traits))


def _from_outcome(outcome: Extracted) -> Shown:
    record = outcome.record
    if not outcome.structures:
        return Shown(_failed(record.model_id, record.status, record.reason, record.detail), (), {})
    structure = outcome.structures[0]
    title = _title(record.model_id, record.architecture, structure.modules)
    return Shown(title, structure.modules, structure.traits)


def _title(model_id: str, architecture: str | None, modules: Sequence[ModuleRecord]) -> str:
    times: dict[str | None, int] = {None: 1}
    parameters = 0
    for module in modules:
        times[module.path] = times[module.parent] * module.repeats
        parameters += times[module.path] * module.n_parameters
    return f"{printable(model_id)}: {architecture}, {count_of(parameters, 'parameter')}"


def _failed(model_id: str, status: str, reason: str | None, detail: str | None) -> str:
    return f"{printable(model_id)}: {status}, {reason}: {detail or 'no detail'}"


def _nothing_stored(structure_id: str) -> Structure:
    """Stand for the store where nothing was built before, so that nothing is asked for."""
    raise KeyError(structure_id)


def _builtin(name: str) -> Listing | None:
    return next((listing for listing in builtin.listings() if listing.model_id == name), None)


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _path(name: str, folder: Path) -> Listing | None:
    """Return the listing behind a path; `folder` is the one around it."""
    path = Path(name)
    if not path.exists():
        return None
    wanted = {storable(str(path.resolve())), storable(str(path.resolve().parent))}
    return next((listing for listing in directory.listings(folder.resolve()) if listing.location in wanted), None)


def _unknown(name: str, store: Store | None) -> UsageError:
    stored = [row[0] for row in store.rows("SELECT DISTINCT model_id FROM extractions")] if store else []
    near = get_close_matches(name, sorted({*stored, *registered_types()}), n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return UsageError(
        f"unknown model {name!r}.{hint} Expected a model of the store, a model type of transformers, "
        "a checkpoint folder or a config file"
    )
