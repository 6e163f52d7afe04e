"""Checkpoints and bare config files below a folder, such as a mounted cache. Files are read, never run or unpickled.

A folder with a config.json, or with weights, is one checkpoint, named by its relative path; other JSON files in it are
not looked at. In any other folder each NAME.json is a config of its own. Links that leave the folder are not followed.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from model_extract.checkpoint_files import (
    CONFIG_NAME,
    PICKLE_SUFFIXES,
    content_revision,
    is_inside,
    read_config_file,
    weight_files,
)
from model_extract.listing import Config, Listing, Source
from pipeline.errors import UsageError
from pipeline.settings import Settings


def list_models(settings: Settings) -> Iterator[Listing]:
    """Yield what lies below `settings.directory`, folders in alphabetical order."""
    root = Path(settings.directory).resolve()
    for current, folders, names in os.walk(root):
        folders.sort()
        yield from _folder_listings(Path(current), sorted(names), root)


def read_config(listing: Listing, _: Settings) -> Config:
    """Return the config of a checkpoint or of a bare file."""
    assert listing.location is not None
    return read_config_file(Path(listing.location))


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
    weights = weight_files(folder, root)
    config = [folder / CONFIG_NAME] if CONFIG_NAME in names and is_inside(folder / CONFIG_NAME, root) else []
    pickles = [folder / name for name in names if name.endswith(PICKLE_SUFFIXES) and is_inside(folder / name, root)]
    if config or weights or pickles:
        name = folder.relative_to(root).as_posix() if folder != root else root.name
        yield _listing(name, folder, [*config, *(weights or pickles)], has_weights=bool(weights))
        return
    for path in (folder / name for name in names if name.endswith(".json")):
        if is_inside(path, root):
            name = path.relative_to(root).as_posix().removesuffix(".json")
            yield _listing(name, path, [path], has_weights=False)


def _listing(name: str, location: Path, files: list[Path], *, has_weights: bool) -> Listing:
    return Listing(
        model_id=_storable(name),
        source="directory",
        revision=_revision(files),
        has_weights=has_weights,
        location=_storable(str(location)),
    )


def _revision(files: list[Path]) -> str:
    try:
        return content_revision(files)
    except OSError as error:
        return f"unreadable-{error.errno}"


def _storable(name: str) -> str:
    """Return a file name with bytes that are no UTF-8 written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


SOURCE = Source("directory", list_models, read_config, check)
