"""Where numbers come from: versions of libraries, commit of the project, hashes of content."""

import json
import platform
import subprocess
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.settings import ROOT

LIBRARIES = ("torch", "transformers", "huggingface_hub", "safetensors", "duckdb", "numpy", "scipy", "scikit-learn")
HASH_BYTES = 16
_WHOLE_BYTES = 64_000_000  # files up to this size are hashed whole
_END_BYTES = 1_000_000  # of larger files the size, the beginning (a safetensors header) and the end


def content_hash(value: Any) -> str:
    """Return the blake2b hash (32 hex digits) of a value's canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).hexdigest()


def content_revision(files: list[Path]) -> str:
    """Return a hash of the names and contents of files: the revision of a local model. Raises `OSError`."""
    digest = blake2b(digest_size=HASH_BYTES)
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode("utf-8", "surrogateescape"))
        with path.open("rb") as file:
            if size <= _WHOLE_BYTES:
                digest.update(file.read())
            else:
                digest.update(file.read(_END_BYTES))
                file.seek(-_END_BYTES, 2)
                digest.update(file.read())
    return digest.hexdigest()


@cache
def library_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that numbers depend on, and of Python."""
    versions = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = "not installed"
    return versions


@cache
def git_commit() -> str | None:
    """Return the project's commit, with "-dirty" when tracked files were changed, or None without git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
