"""A dataset as a source: what `datasets` streams from the Hub or from a folder. Code of a dataset is never run.

Only formats that hold plain values are read: the library's other readers unpickle or run what they find.
"""

import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.text import printable
from pruning.texts.records import Pieces, Source

if TYPE_CHECKING:
    from datasets import DatasetBuilder

_FORMATS = ("text", "json", "csv", "parquet", "arrow")
_MOST_BYTES = 10_000_000_000  # of downloads; calibration reads the first few megabytes of a stream


def dataset_pieces(source: Source, *, offline: bool) -> Pieces:
    """Return the texts of a dataset's split, one document a row.

    They come from the column `text`, or from the only one of strings. Reading raises `UsageError` for a dataset, a
    split or a column that is not there, for one that brings code, and when the Hub does not answer.
    """
    local = Path(source.place).is_dir()
    if offline and not local:
        raise UsageError(f"dataset {source.name!r}: --offline reads none of the Hub; give a folder or a text file")
    return Pieces(_documents(source, local=local), whole=True)


def _documents(source: Source, *, local: bool) -> Generator[str, None, None]:
    with _asking(source, local=local), tempfile.TemporaryDirectory(prefix="arborist-dataset-") as cache:
        builder = _builder(source, cache)
        _check_split(builder, source)
        column = None
        rows: Any = builder.as_streaming_dataset(split=source.split)  # its types do not say what a row is
        for row in rows:
            column = column or text_column(row, source.name)
            if isinstance(row[column], str):
                yield row[column]


@contextmanager
def _asking(source: Source, *, local: bool) -> Iterator[None]:
    """Send what the library asks the Hub through this project's client, and turn whatever it raises into `UsageError`.

    The guarded boundary: files from outside make the library and the parsers under it raise anything.
    """
    from datasets.utils.logging import disable_progress_bar, set_verbosity_error

    from hub import Hub, Policy

    disable_progress_bar()
    set_verbosity_error()
    try:
        with nullcontext() if local else Hub(Policy()) as hub, hub.lent(_MOST_BYTES) if hub else nullcontext():
            yield
    except (UsageError, MemoryError):
        raise
    except Exception as error:  # the boundary
        why = printable(f"{type(error).__name__}: {error}")
        raise UsageError(
            f"dataset {source.name!r} cannot be read: {why}. Expected a folder or OWNER/NAME[/CONFIG][:SPLIT] of the "
            f"Hub with {', '.join(_FORMATS)} files; without the Hub give a folder or a text file"
        ) from error


def _builder(source: Source, cache: str) -> "DatasetBuilder":
    from datasets import load_dataset_builder

    builder = load_dataset_builder(source.place, source.config or None, cache_dir=cache)
    found = type(builder).__module__
    if found not in [f"datasets.packaged_modules.{name}.{name}" for name in _FORMATS]:
        got = found.rpartition(".")[2]
        raise UsageError(f"dataset {source.name!r}: expected {', '.join(_FORMATS)} files, got {got}")
    return builder


def _check_split(builder: "DatasetBuilder", source: Source) -> None:
    known = [*map(str, builder.config.data_files or ())]
    if known and source.split not in known:
        raise UsageError(f"dataset {source.name!r}: no split {source.split!r}; it has {', '.join(known)}")


def text_column(row: Mapping[str, Any], name: str) -> str:
    """Return the column of a dataset's row that holds its text. Raises `UsageError` that lists the columns."""
    strings = [column for column, value in row.items() if isinstance(value, str)]
    if "text" in row:
        return "text"
    if len(strings) == 1:
        return strings[0]
    columns = printable(", ".join(f"{column} ({type(value).__name__})" for column, value in row.items()))
    raise UsageError(f"dataset {name!r}: expected a column `text` or one column of strings; it has {columns}")
