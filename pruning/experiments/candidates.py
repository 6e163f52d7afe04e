"""Which models stage 3 works on: representatives with weights, no larger than a limit."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.settings import ROOT, Settings
from pruning.reference import REFERENCE_MODELS, model_folder
from store.database import Query, Store
from store.records import SourceName

_QUERIES = Path(__file__).resolve().parent / "queries"


@dataclass(frozen=True)
class CandidateRow:
    """A representative with weights. `location` is a folder or file; None = not on this machine."""

    model_id: str
    source: SourceName
    revision: str
    location: str | None
    n_parameters: int | None


CANDIDATES = Query(_QUERIES / "candidates.sql", CandidateRow)


@dataclass(frozen=True)
class Candidates:
    """`too_large` are the ids of representatives over the limit of parameters or of unknown size."""

    models: tuple[CandidateRow, ...]
    too_large: tuple[str, ...]


def candidates(store: Store, settings: Settings) -> Candidates:
    """Return the representatives that may be pruned and analysed."""
    rows = store.fetch(CANDIDATES, licenses=list(settings.licenses))
    small = tuple(row for row in rows if row.n_parameters is not None and row.n_parameters <= settings.max_params)
    return Candidates(small, tuple(row.model_id for row in rows if row not in small))


def folder_of(row: CandidateRow) -> Path | None:
    """Return the folder of a representative's weights, None when it is not on this machine."""
    if row.location is not None:
        place = ROOT / row.location  # the reference models' places are relative to the project
        if place.is_dir():
            return place
        return place.parent if place.is_file() else None
    if row.source == "hub":
        return _cached_folder(row.model_id, row.revision)
    name = row.model_id.removeprefix("reference/")
    return model_folder(name) if row.source == "reference" and name in REFERENCE_MODELS else None


def _cached_folder(model_id: str, revision: str) -> Path | None:
    """Return the folder of a model of the Hub in the local cache, None when its config is not there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model_id, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def no_weights(row: CandidateRow) -> str:
    """Return why a representative without a folder cannot be worked on."""
    return f"the weights of {row.model_id} are not on this machine"
