"""A short way to ask a parser why it refuses."""

from collections.abc import Callable

from model_extract.failures import UnreadableError
from store.records import ExtractionReason


def reason_of(parse: Callable[..., object], *arguments: object) -> ExtractionReason | None:
    """Return the reason, or None where the parser accepts; any other error goes through."""
    try:
        parse(*arguments)
    except UnreadableError as error:
        return error.reason
    return None
