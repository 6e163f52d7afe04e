"""What a report was made from and by: kept in its manifest, compared by `freshness`, listed by `versions`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunOrigin:
    """A run behind the report; `git_commit` None = not run from a git checkout."""

    run_id: str
    stage: str
    git_commit: str | None


@dataclass(frozen=True)
class Origin:
    """The store's schema version, model revisions by source, the runs in their order, fingerprints of code by part."""

    schema_version: int
    sources: Mapping[str, int] = field(default_factory=dict)
    runs: tuple[RunOrigin, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)


NO_ORIGIN = Origin(0)


def origin_of_json(content: Any) -> Origin:
    """Return the origin that a manifest holds; None, of a manifest of an earlier version, is no origin.

    Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError` for anything else.
    """
    if content is None:
        return NO_ORIGIN
    return Origin(
        schema_version=int(content["schema_version"]),
        sources={str(name): int(count) for name, count in content["sources"].items()},
        runs=tuple(
            RunOrigin(str(run["run_id"]), str(run["stage"]), _text(run["git_commit"])) for run in content["runs"]
        ),
        parts={str(name): str(value) for name, value in content["parts"].items()},
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
