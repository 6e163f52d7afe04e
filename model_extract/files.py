"""A model's files, wherever they are: read whole or in ranges, with limits, at a cost that is counted."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from model_extract.checkpoint_files import CONFIG_NAME, is_inside, why_no_config
from model_extract.config import CONFIG_BYTES, parse_config
from model_extract.failures import UnreadableError
from store.records import ExtractionReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub import Answer, Hub, HubError

# What one model may cost: an index names thousands of files, and each of them may have a header as long as headers get.
# The model with the most files that we have seen has 254, two requests and 100 kB each.
MODEL_REQUESTS = 1_500
MODEL_BYTES = 100_000_000


@dataclass
class Cost:
    """What reading a model has cost so far."""

    requests: int = 0
    n_bytes: int = 0


class Files(Protocol):
    """One model's files. All methods raise `UnreadableError`."""

    cost: Cost
    note: str | None

    def config(self) -> dict[str, Any]:
        """Return the JSON object in config.json, or what stands for it."""
        ...

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Return a whole file; raises with no_config for config.json, no_weights for others, when there is none."""
        ...

    def read_range(self, name: str, start: int, stop: int) -> tuple[bytes, int | None]:
        """Return the bytes start <= i < stop, fewer at the end of the file, and the size of the file if known."""
        ...


class DefaultConfig:
    """A type of the installed library: a config and no files."""

    def __init__(self, values: dict[str, Any], note: str | None) -> None:
        self._values, self.note = values, note
        self.cost = Cost()

    def config(self) -> dict[str, Any]:
        return self._values

    def read(self, name: str, limit_bytes: int) -> bytes:
        raise _absent(name, "a type of the library has no files")

    def read_range(self, name: str, start: int, stop: int) -> tuple[bytes, int | None]:
        raise _absent(name, "a type of the library has no files")


class FolderFiles:
    """A checkpoint folder, or a config file that stands alone. Links that leave `boundary` are not followed."""

    note: str | None = None

    def __init__(self, location: Path, boundary: Path) -> None:
        self._location, self._boundary = location, boundary
        self._folder = location if location.is_dir() else None
        self.cost = Cost()

    def config(self) -> dict[str, Any]:
        if self._folder is None:
            return parse_config(_content(self._location, CONFIG_BYTES + 1))
        return parse_config(self.read(CONFIG_NAME, CONFIG_BYTES + 1))

    def read(self, name: str, limit_bytes: int) -> bytes:
        return _content(self._path(name), limit_bytes)

    def read_range(self, name: str, start: int, stop: int) -> tuple[bytes, int | None]:
        path = self._path(name)
        try:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(stop - start), path.stat().st_size
        except OSError as error:
            raise UnreadableError("bad_header", f"{name} cannot be read: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        folder = self._location if self._folder else self._location.parent
        path = folder / name
        if not is_inside(path, self._boundary):
            detail = why_no_config(folder) if name == CONFIG_NAME else ("no_weights", f"no file {name}")
            raise UnreadableError(*detail)
        return path


class HubFiles:
    """A model of the Hub at a commit, read until it has cost `MODEL_REQUESTS` or `MODEL_BYTES`."""

    note: str | None = None

    def __init__(self, hub: "Hub", model_id: str, revision: str) -> None:
        self._hub, self._model_id, self._revision = hub, model_id, revision
        self.cost = Cost()

    def config(self) -> dict[str, Any]:
        """Return the config; what is no JSON is asked for a second time: proxies answer with pages of their own."""
        try:
            return parse_config(self.read(CONFIG_NAME, CONFIG_BYTES))
        except UnreadableError as error:
            if error.reason != "bad_config":
                raise
        return parse_config(self.read(CONFIG_NAME, CONFIG_BYTES))

    def read(self, name: str, limit_bytes: int) -> bytes:
        answer = self._asked(name, partial(self._hub.file, self._model_id, self._revision, name, limit_bytes))
        return answer.content

    def read_range(self, name: str, start: int, stop: int) -> tuple[bytes, int | None]:
        answer = self._asked(name, partial(self._hub.file_range, self._model_id, self._revision, name, start, stop))
        return answer.content, answer.file_size

    def _asked(self, name: str, question: "Callable[[], Answer]") -> "Answer":
        from hub import HubError

        if self.cost.requests >= MODEL_REQUESTS or self.cost.n_bytes >= MODEL_BYTES:
            spent = f"{self.cost.requests:,} requests and {self.cost.n_bytes:,} bytes"
            raise UnreadableError("header_too_big", f"{spent} for one model; {name} and what follows is not asked for")
        try:
            answer = question()
        except HubError as error:
            self.cost.requests += error.requests
            raise _unreadable(error, name) from error
        self.cost.requests += answer.requests
        self.cost.n_bytes += len(answer.content)
        return answer


def _unreadable(error: "HubError", name: str) -> UnreadableError:
    """Return the reason of the closed list for what the Hub answered when it was asked for `name`."""
    if error.kind == "no_file":
        return _absent(name, error.detail)
    if error.kind == "too_big":
        # Only JSON is read whole. Of a range more came than was asked for: nothing is known of the file.
        too_big: ExtractionReason = "config_too_big" if name.endswith(".json") else "network"
        return UnreadableError(too_big, error.detail)
    return UnreadableError(error.kind, error.detail)


def _absent(name: str, why: str) -> UnreadableError:
    return UnreadableError("no_config" if name.endswith(".json") else "no_weights", f"{name}: {why}")


def _content(path: Path, limit_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit_bytes)
    except OSError as error:
        raise UnreadableError("bad_config", f"{path.name} cannot be read: {error.strerror}") from error
