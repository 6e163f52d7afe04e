"""JSON files of checkpoints, which come from outside: bounded, with or without a byte order mark, never a traceback."""

import json
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

_MOST_BYTES = 100_000_000  # a tokenizer of a quarter of a million words has 35 MB


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file. Raises `UsageError` when it is absent, huge, broken, too deep or no object."""
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise UsageError(f"expected at most {_MOST_BYTES:,} bytes in {str(path)!r}, got {size:,}")
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"expected a JSON object in {str(path)!r}: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"expected a JSON object in {str(path)!r}, got {type(found).__name__}")
    return found
