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
    config_fault,
    is_inside,
    link_boundary,
    path_of,
)
from model_extract.failures import UnreadableError
from model_extract.files import Files, FolderFiles
from model_extract.listing import Context, ListedPage, Listing, Source, Stop, pages_of
from model_extract.text import storable
from model_extract.wanted import DIFFUSERS_INDEX, PICKLES, SENTENCE_MODULES, wanted_files
from pipeline.errors import UsageError
from pipeline.settings import Settings
from store.provenance import content_hash, content_revision


def list_pages(context: Context, _: Stop) -> Iterator[ListedPage]:
    """Yield what lies below `settings.directory`, folders in alphabetical order."""
    return pages_of(listings(Path(context.settings.directory).resolve()))


def listings(root: Path) -> Iterator[Listing]:
    """Yield the models below a resolved folder."""
    for current, folders, names in os.walk(root):
        folders.sort()
        found = list(_folder_listings(Path(current), sorted(names), root))
        yield from found
        if any(_has_components(listing) for listing in found):
            folders.clear()  # its folders are parts of one model


def files(listing: Listing, context: Context) -> Files:
    """Return the files of a checkpoint, or a bare config file. Raises `UnreadableError` for what must not be opened."""
    assert listing.location is not None
    location = path_of(listing.location)
    boundary = link_boundary(Path(context.settings.directory).resolve())
    fault = config_fault(location / CONFIG_NAME if location.is_dir() else location, boundary)
    if fault:
        raise UnreadableError("bad_config", fault)
    return FolderFiles(location, boundary)


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
    fault = config_fault(folder / CONFIG_NAME, boundary)
    present = wanted_files(_relative_files(folder, names, boundary))
    if present or fault:
        name = folder.relative_to(root).as_posix() if folder != root else root.name
        listing = _listing(name, folder, [folder / name for name in _decisive(present)], present)
        yield replace(listing, revision=content_hash([listing.revision, fault])) if fault else listing
        return
    for path in (folder / name for name in names if name.endswith(".json")):
        if is_inside(path, boundary):
            name = path.relative_to(root).as_posix().removesuffix(".json")
            yield _listing(name, path, [path], (CONFIG_NAME,))


def _relative_files(folder: Path, names: list[str], boundary: Path) -> list[str]:
    """Return the files of a folder, and those of its folders when an index says that they are components."""
    own = [name for name in names if is_inside(folder / name, boundary)]
    if not {DIFFUSERS_INDEX, SENTENCE_MODULES} & {*own}:
        return own
    parts = sorted(path for path in folder.glob("*/*") if is_inside(path, boundary))
    return own + [path.relative_to(folder).as_posix() for path in parts]


def _decisive(present: tuple[str, ...]) -> list[str]:
    """Return the files that make a revision: pickles only where there is nothing better."""
    better = [name for name in present if not name.endswith(PICKLES)]
    weights = any(name.endswith((".safetensors", ".gguf")) for name in better)
    return better if weights else [*present]


def _has_components(listing: Listing) -> bool:
    return bool({DIFFUSERS_INDEX, SENTENCE_MODULES} & {*(listing.files or ())})


def _listing(name: str, location: Path, decisive: list[Path], present: tuple[str, ...]) -> Listing:
    return Listing(
        model_id=storable(name),
        source="directory",
        revision=_revision(decisive),
        has_weights=any(name.endswith(".safetensors") for name in present),
        location=storable(str(location)),
        files=present,
    )


def _revision(files: list[Path]) -> str:
    try:
        return content_revision(files)
    except OSError as error:
        return f"unreadable-{error.errno}"


SOURCE = Source("directory", list_pages, files, check)
