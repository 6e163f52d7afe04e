"""The output folder: only files that this project made are ever replaced or removed.

`manifest.json` lists them with their hashes. Files are written into `.incoming` first and then renamed one by one; a
run that is killed in between leaves a manifest without an input hash, and the next run writes everything again. The
manifest also says what the report was made from (`analysis.origin`).
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path

from analysis.origin import NO_ORIGIN, Origin, origin_of_json
from pipeline.errors import UsageError

MANIFEST = "manifest.json"
# The index of versions in a folder whose README.md is a report's.
VERSIONS = "versions.md"
INCOMING = ".incoming"
# What a manifest may name: nothing outside the folder, nothing that this project does not make.
_NAME = r"[a-z0-9][\w-]*"
_OWN_FILE = re.compile(
    rf"README\.md|versions\.md|reports/([a-z]+/)?{_NAME}\.md|images/{_NAME}\.png|csv_data/{_NAME}\.csv|statistics_txt/{_NAME}\.txt"
    rf"|exports/{_NAME}\.(csv|parquet|json|ipynb)|exports/cards/{_NAME}\.md|site/index\.html",
    re.ASCII,
)


@dataclass(frozen=True)
class Manifest:
    """What was generated: hash by path, the hash of its input ("" = not complete), and what that is."""

    input_hash: str
    files: Mapping[str, str]
    origin: Origin = NO_ORIGIN


def check_folder(folder: Path) -> None:
    """Raise `UsageError` unless the report can be written there without touching files of others."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise UsageError(f"--output-dir: expected a folder, got the file {str(existing)!r}")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UsageError(
            f"--output-dir: expected a folder that can be written, got {str(folder)!r} ({error.strerror}); "
            "name another one"
        ) from error


def check_ownership(folder: Path, paths: Iterable[str]) -> None:
    """Raise `UsageError` when one of the paths to write is a file that this project did not make."""
    own = read_manifest(folder).files
    foreign = [path for path in paths if (folder / path).exists() and path not in own]
    if foreign:
        raise UsageError(
            f"--output-dir: {str(folder / foreign[0])!r} was not made by this program and would be replaced; "
            "name another folder or move the file away"
        )


def read_manifest(folder: Path) -> Manifest:
    """Return the folder's manifest; none, or none that can be read, is an empty one."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = {str(path): str(value) for path, value in content["files"].items() if _OWN_FILE.fullmatch(path)}
        return Manifest(str(content["input_hash"]), files, origin_of_json(content.get("origin")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Manifest("", {})


def is_current(folder: Path, input_hash: str) -> bool:
    """Say whether the folder holds, unchanged, the report of this input."""
    manifest = read_manifest(folder)
    if manifest.input_hash != input_hash or not manifest.files:
        return False
    return all(_hash_of(folder / path) == value for path, value in manifest.files.items())


def publish(folder: Path, files: Mapping[str, bytes], input_hash: str, origin: Origin = NO_ORIGIN) -> int:
    """Put the files into the folder and take away generated ones that are no more; return how many changed.

    An index of versions that stands beside the report stays.
    """
    check_ownership(folder, files)
    before = read_manifest(folder).files
    kept = {path: value for path, value in before.items() if path == VERSIONS}
    hashes = {path: _hash(content) for path, content in files.items()}
    changed = [path for path in sorted(files) if _hash_of(folder / path) != hashes[path]]
    stale = sorted(set(before) - set(files) - set(kept))
    incoming = folder / INCOMING
    shutil.rmtree(incoming, ignore_errors=True)
    for path in changed:
        _write(incoming / path, files[path])
    _write_manifest(folder, Manifest("", {**before, **hashes}))
    for path in changed:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (incoming / path).replace(folder / path)
    for path in stale:
        (folder / path).unlink(missing_ok=True)
    _write_manifest(folder, Manifest(input_hash, {**kept, **hashes}, origin))
    shutil.rmtree(incoming, ignore_errors=True)
    return len(changed) + len(stale)


def add(folder: Path, path: str, content: bytes) -> None:
    """Write one file beside those that the folder's manifest names, and name it there."""
    check_ownership(folder, (path,))
    before = read_manifest(folder)
    _write(folder / INCOMING / path, content)
    _write_manifest(folder, replace(before, files={**before.files, path: _hash(content)}))
    (folder / INCOMING / path).replace(folder / path)
    shutil.rmtree(folder / INCOMING, ignore_errors=True)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    content = {
        "input_hash": manifest.input_hash,
        "origin": asdict(manifest.origin),
        "files": dict(sorted(manifest.files.items())),
    }
    incoming = folder / INCOMING / MANIFEST
    _write(incoming, (json.dumps(content, indent=1) + "\n").encode())
    incoming.replace(folder / MANIFEST)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _hash_of(path: Path) -> str | None:
    try:
        return _hash(path.read_bytes())
    except OSError:
        return None


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
