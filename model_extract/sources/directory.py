"""Checkpoints and bare config files below a folder, such as a mounted cache. Files are read, never run or unpickled.

A folder with a config.json, or with weights, is one checkpoint, named by its relative path; other JSON files in it are
not looked at. In any other folder each NAME.json is a config of its own. Links that leave the folder are not followed;
those of a Hub cache's snapshot may lead to the blobs of the same model.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from model_extract.checkpoint_files import (
    CONFIG_NAME,
    PICKLE_SUFFIXES,
    config_fault,
    content_revision,
    is_inside,
    link_boundary,
    path_of,
    read_config_file,
    weight_files,
)
from model_extract.failures import UnreadableError
from model_extract.listing import Config, Listing, Source, storable
from pipeline.errors import UsageError
from pipeline.settings import Settings
from store.provenance import content_hash


def list_models(settings: Settings) -> Iterator[Listing]:
    """Yield what lies below `settings.directory`, folders in alphabetical order."""
    root = Path(settings.directory).resolve()
    for current, folders, names in os.walk(root):
        folders.sort()
        yield from _folder_listings(Path(current), sorted(names), root)


def read_config(listing: Listing, settings: Settings) -> Config:
    """Return the config of a checkpoint or of a bare file."""
    assert listing.location is not None
    location = path_of(listing.location)
    path = location / CONFIG_NAME if location.is_dir() else location
    fault = config_fault(path, link_boundary(Path(settings.directory).resolve()))
    if fault:
        raise UnreadableError("bad_config", fault)
    return read_config_file(location)


def check(settings: Settings) -> None:
    """Raise `UsageError` unless `--directory` names a folder that can be read."""
    if not settings.directory:
        raise UsageError("--source directory: expected --directory FOLDER, got none")
    folder = Path(settings.directory)
    if not folder.is_dir():
        what = "a file" if folder.exists() else "nothing there"
        raise UsageError(f"--directory: expected a folder, got {settings.directory!r} ({what})")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(f"--directory: expected a folder that may be read, got {settings.directory!r} (no permission)")


def _folder_listings(folder: Path, names: list[str], root: Path) -> Iterator[Listing]:
    boundary = link_boundary(root)
    weights = weight_files(folder, boundary)
    config = [folder / CONFIG_NAME] if is_inside(folder / CONFIG_NAME, boundary) else []
    fault = config_fault(folder / CONFIG_NAME, boundary)
    pickles = [folder / name for name in names if name.endswith(PICKLE_SUFFIXES) and is_inside(folder / name, boundary)]
    if config or weights or pickles or fault:
        name = folder.relative_to(root).as_posix() if folder != root else root.name
        listing = _listing(name, folder, [*config, *(weights or pickles)], has_weights=bool(weights))
        yield replace(listing, revision=content_hash([listing.revision, fault])) if fault else listing
        return
    for path in (folder / name for name in names if name.endswith(".json")):
        if is_inside(path, boundary):
            name = path.relative_to(root).as_posix().removesuffix(".json")
            yield _listing(name, path, [path], has_weights=False)


def _listing(name: str, location: Path, files: list[Path], *, has_weights: bool) -> Listing:
    return Listing(
        model_id=storable(name),
        source="directory",
        revision=_revision(files),
        has_weights=has_weights,
        location=storable(str(location)),
    )


def _revision(files: list[Path]) -> str:
    try:
        return content_revision(files)
    except OSError as error:
        return f"unreadable-{error.errno}"


SOURCE = Source("directory", list_models, read_config, check)
