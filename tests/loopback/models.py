"""What the loopback Hub serves: models with their files, as large and as hostile as a test wants them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from typing import Any, Literal

from tests.loopback.faults import Fault

_LARGE_FILES = (".safetensors", ".gguf", ".bin", ".pt", ".onnx", ".h5")  # what repositories keep in large-file storage
_POINTER_BYTES = 134  # size of the small file that stands for a large one in git


@dataclass(frozen=True, slots=True)
class SparseFile:
    """A file of `size` bytes that begins with `head` and goes on with zeros: terabytes for the price of a header."""

    head: bytes
    size: int

    def part(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`, the end not included and no further than the file goes."""
        return self.head[start:end].ljust(min(end, self.size) - start, b"\0")


Content = bytes | SparseFile
File = Content | Callable[[], Content]


def size_of(content: Content) -> int:
    """Return a file's size in bytes."""
    return content.size if isinstance(content, SparseFile) else len(content)


def part_of(content: Content, start: int, end: int) -> bytes:
    """Return the bytes from `start` to `end`, the end not included."""
    return content.part(start, end) if isinstance(content, SparseFile) else content[start:end]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a repository with the names that the Hub gives to its content."""

    name: str
    content: Content

    @property
    def size(self) -> int:
        return size_of(self.content)

    @property
    def is_large(self) -> bool:
        return self.name.endswith(_LARGE_FILES)

    @property
    def sha256(self) -> str:
        """The digest of the content; of the head and the size where the rest is zeros."""
        if isinstance(self.content, SparseFile):
            return sha256(self.content.head + b"%d" % self.size).hexdigest()
        return sha256(self.content).hexdigest()

    @property
    def blob_id(self) -> str:
        """git's name of the content; for large and sparse files one that depends on the same things."""
        if self.is_large or isinstance(self.content, SparseFile):
            return sha1(self.sha256.encode(), usedforsecurity=False).hexdigest()
        return sha1(b"blob %d\0" % self.size + self.content, usedforsecurity=False).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_large else self.blob_id

    def sibling(self, with_blobs: bool) -> dict[str, Any]:
        """Return the file as `siblings` of a model shows it."""
        if not with_blobs:
            return {"rfilename": self.name}
        found = {"rfilename": self.name, "size": self.size, "blobId": self.blob_id}
        large = {"size": self.size, "sha256": self.sha256, "pointerSize": _POINTER_BYTES}
        return {**found, "lfs": large} if self.is_large else found

    def tree_entry(self) -> dict[str, Any]:
        """Return the file as a listing of the repository's tree shows it."""
        found = {"type": "file", "oid": self.blob_id, "size": self.size, "path": self.name}
        large = {"oid": self.sha256, "size": self.size, "pointerSize": _POINTER_BYTES}
        return {**found, "lfs": large} if self.is_large else found


@dataclass(frozen=True, slots=True)
class HubModel:
    """One model of the server. Any text is an id: listings send it as it is.

    `config` is short for the file config.json, None = there is none. A callable in `files` makes its content at each
    request. `revision` is the commit; None = derived from the id. `fault` spoils what is asked about this model.
    """

    model_id: str
    config: Mapping[str, Any] | None = field(default_factory=dict)
    task: str | None = "text-generation"
    tags: tuple[str, ...] = ("transformers", "safetensors")
    downloads: int = 0
    gated: bool | Literal["auto", "manual"] = False
    fault: Fault | None = None
    files: Mapping[str, File] = field(default_factory=dict)
    likes: int = 7
    library: str | None = "transformers"
    license: str | None = None
    created_at: str = "2026-01-02T03:04:05.000Z"
    last_modified: str = "2026-02-03T04:05:06.000Z"
    card_data: Mapping[str, Any] | None = None
    disabled: bool = False
    revision: str | None = None
    parameters: int | None = None
    gguf: Mapping[str, Any] | None = None
    trending: int = 0

    @property
    def sha(self) -> str:
        return self.revision or sha1(self.model_id.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()

    @property
    def author(self) -> str | None:
        owner, separator, _ = self.model_id.partition("/")
        return owner if separator else None

    @property
    def all_tags(self) -> list[str]:
        return [*self.tags, *([f"license:{self.license}"] if self.license else [])]

    @property
    def file_names(self) -> list[str]:
        own = [] if self.config is None or "config.json" in self.files else ["config.json"]
        return sorted([*own, *self.files])

    def file(self, name: str) -> StoredFile | None:
        """Return a file with its content, made now if it is made on demand; None = there is no such file."""
        found = self.files.get(name)
        if found is not None:
            return StoredFile(name, found() if callable(found) else found)
        if name == "config.json" and self.config is not None:
            return StoredFile(name, json.dumps(self.config).encode())
        return None

    def stored_files(self) -> list[StoredFile]:
        """Return all files with their contents, by name."""
        return [found for name in self.file_names if (found := self.file(name))]
