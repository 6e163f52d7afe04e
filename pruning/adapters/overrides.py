"""The declared exceptions: what shapes cannot tell, from overrides.toml."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, cast

from pruning.adapters.parts import Layout

OVERRIDES_FILE = Path(__file__).resolve().parent / "overrides.toml"


def fused_order(config: Any) -> Layout:
    """Return how a model's fused matrix orders queries, keys and values; "unknown" when no row says."""
    for row in fused_rows():
        fits = all(getattr(config, field, None) == value for field, value in row.get("when", {}).items())
        if config.model_type in row["types"] and fits:
            return cast(Layout, row["order"])
    return "unknown"


@cache
def fused_rows() -> tuple[dict[str, Any], ...]:
    """Return the rows of `[[fused]]`."""
    return tuple(tomllib.loads(OVERRIDES_FILE.read_text(encoding="utf-8"))["fused"])
