"""A text file as a source: UTF-8, one document, read in pieces of bounded size."""

from collections.abc import Generator
from pathlib import Path

from pipeline.errors import UsageError
from pruning.texts.records import Pieces

_PIECE = 65_536  # characters; a piece ends at the end of a line where one comes in as many more


def file_pieces(path: Path) -> Pieces:
    """Return the text of a file. Reading raises `UsageError` when it cannot be read or is no UTF-8."""
    return Pieces(_read(path), whole=False)


def _read(path: Path) -> Generator[str, None, None]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            while piece := stream.read(_PIECE) + stream.readline(_PIECE):
                yield piece
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"expected a text file in UTF-8, {str(path)!r}: {error}") from error
