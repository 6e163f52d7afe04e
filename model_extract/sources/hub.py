"""The Hugging Face Hub: the most downloaded models of each task, config.json alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from model_extract import hub
from model_extract.failures import UnreadableError
from model_extract.listing import Config, Listing, Source, storable
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.text import printable

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

UNKNOWN_REVISION = "unknown"
_MOST = 2**63 - 1  # what the store's BIGINT holds
_RELATIONS = ("finetune", "adapter", "merge", "quantized")


def list_models(settings: Settings) -> Iterator[Listing]:
    """Yield up to `settings.limit` models of each of `settings.tasks`.

    Raises `UsageError` when the Hub stops answering: a listing cut short would look like models that are gone.
    """
    for task in settings.tasks:
        try:
            for model in hub.list_models(task, settings.limit, settings.hub_seconds):
                yield listing_of(model)
        except UnreadableError as error:
            raise UsageError(
                f"--source hub: the list of task {printable(task)!r} could not be read "
                f"({error.reason}: {error.detail}); try again later, or use --source builtin"
            ) from error


def read_config(listing: Listing, settings: Settings) -> Config:
    """Fetch a model's config.json at the listed commit; a gated model is asked for too: the token may allow it."""
    return hub.fetch_config(listing.model_id, listing.revision, settings.hub_seconds)


def check(settings: Settings) -> None:
    """Raise `UsageError` when the Hub may not be asked."""
    if settings.offline:
        raise UsageError("--source hub: expected a run that may ask the Hub, got --offline")


def listing_of(model: "ModelInfo") -> Listing:
    """Return what a listing says of one model."""
    tags = tuple(storable(str(tag)) for tag in model.tags or ())
    base_model, relation = lineage(tags, model.card_data)
    return Listing(
        model_id=storable(model.id),
        source="hub",
        revision=_text(model.sha) or UNKNOWN_REVISION,
        task=_text(model.pipeline_tag),
        library=_text(model.library_name),
        downloads=_count(model.downloads),
        likes=_count(model.likes),
        license=next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None),
        base_model=base_model,
        base_model_relation=relation,
        gated=None if model.gated is None else bool(model.gated),
        tags=tags,
        has_weights="safetensors" in tags,
        created_at=_naive(model.created_at),
        last_modified=_naive(model.last_modified),
    )


def lineage(tags: tuple[str, ...], card: Any) -> tuple[str | None, str | None]:
    """Return the declared base model and the relation to it.

    From `base_model:RELATION:ID` tags, else `base_model:ID` tags, else the card's `base_model`. Of several bases, as a
    merge has them, the first is kept: all of them stay in the tags.
    """
    bases = [tag.removeprefix("base_model:") for tag in tags if tag.startswith("base_model:")]
    related = [base.partition(":") for base in bases if base.partition(":")[0] in _RELATIONS]
    if related:
        return related[0][2], related[0][0]
    if bases:
        return bases[0], None
    declared = card.get("base_model") if card is not None else None
    first = declared[0] if isinstance(declared, list) and declared else declared
    return (storable(first), None) if isinstance(first, str) else (None, None)


def _text(value: Any) -> str | None:
    """Return a text of a listing in a form that can be stored; None for anything else."""
    return storable(value) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    """Return a number of a listing; None for what is none, or too large to be stored."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= _MOST else None


def _naive(moment: datetime | None) -> datetime | None:
    """Return a time in UTC without its zone, as the store keeps it."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


SOURCE = Source("hub", list_models, read_config, check)
