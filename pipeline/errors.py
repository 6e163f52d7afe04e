"""The project's errors.

    ArboristError
    ├── UsageError          what was asked cannot be done as asked: a flag, a setting, a name, a path (exit 2)
    ├── StoreError          the store cannot serve (exit 2: nothing was started)
    │   ├── StoreLockedError      another process holds it
    │   └── StoreUnreadableError  not a DuckDB file, damaged, or made by a newer version of this project
    └── StageError          a stage started and could not finish (exit 1)

A message says what was expected, what was given and what to do. A model that cannot be read or pruned raises none of
these to the user: it becomes a row with a reason.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class ArboristError(Exception):
    """Any error that this project raises on purpose."""


class UsageError(ArboristError):
    """A request that cannot be carried out as given."""


class StoreError(ArboristError):
    """The store cannot be opened or used."""


class StoreLockedError(StoreError):
    """Another process has the store open."""


class StoreUnreadableError(StoreError):
    """The file is no store, is damaged, or was written by a newer version."""


class StageError(ArboristError):
    """A stage could not finish."""


def unknown_name(what: str, given: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that is not in a list, with its near matches and the list itself."""
    names = sorted(known)
    near = get_close_matches(given, names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return UsageError(f"unknown {what} {given!r}.{hint} Expected one of: {', '.join(names)}")
