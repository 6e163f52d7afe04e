"""Lookup in a literal table of plug-ins."""

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from pipeline.errors import unknown_name


class Named(Protocol):
    """Anything with a name: a source, a reader, a method, a metric, a report section."""

    @property
    def name(self) -> str: ...


PlugIn = TypeVar("PlugIn", bound=Named)


class Registry(Generic[PlugIn]):
    """Plug-ins by name, in the order in which they are listed.

    Raises `ValueError` at construction when two plug-ins share a name.
    """

    def __init__(self, kind: str, plug_ins: Iterable[PlugIn]) -> None:
        self._kind = kind
        self._by_name: dict[str, PlugIn] = {}
        for plug_in in plug_ins:
            if plug_in.name in self._by_name:
                raise ValueError(f"two {kind}s are named {plug_in.name!r}")
            self._by_name[plug_in.name] = plug_in

    def __getitem__(self, name: str) -> PlugIn:
        """Return one plug-in; an unknown name raises `UsageError` with near matches and the list."""
        if name not in self._by_name:
            raise unknown_name(self._kind, name, self._by_name)
        return self._by_name[name]

    def __iter__(self) -> Iterator[PlugIn]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def names(self) -> tuple[str, ...]:
        """Return all names in listing order."""
        return tuple(self._by_name)
