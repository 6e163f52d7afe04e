"""Checkpoints and configs in folders: what is there."""

import os
import re
from pathlib import Path

from store.records import ExtractionReason

CONFIG_NAME = "config.json"
_CACHE_PREFIX = "models--"  # of a model's folder in the Hub's cache: snapshots/COMMIT/ links to ../../blobs/
_ESCAPED_BYTE = re.compile(r"\\u(dc[89a-f][0-9a-f])")


def weight_files(folder: Path, root: Path) -> list[Path]:
    """Return the safetensors files of a folder, sorted; links that leave `root` are left out."""
    return sorted(path for path in folder.glob("*.safetensors") if is_inside(path, root))


def is_inside(path: Path, root: Path) -> bool:
    """Return whether a path is a file and still lies in `root` once links are followed; `root` is resolved."""
    try:
        return path.is_file() and path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # RuntimeError: a loop of links
        return False


def link_boundary(root: Path) -> Path:
    """Return the folder that links may not leave: `root`, or the model's folder of a Hub cache around it."""
    return next((folder for folder in (root, *root.parents) if folder.name.startswith(_CACHE_PREFIX)), root)


def config_fault(path: Path, boundary: Path) -> str | None:
    """Return why what lies at `path` must not be opened as a config; None = it may be, or nothing is there."""
    if not os.path.lexists(path):
        return None
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a loop of links
        return f"{path.name} is a link that leads nowhere"
    if not target.is_relative_to(boundary):
        return f"{path.name} is a link that leaves the folder"
    return None if target.is_file() else f"{path.name} is no regular file"


def path_of(location: str) -> Path:
    """Return the path behind a stored location, in which bytes that are no UTF-8 are written as escapes."""
    path = Path(location)
    if os.path.lexists(path):
        return path
    return Path(_ESCAPED_BYTE.sub(lambda match: chr(int(match[1], 16)), location))


def why_no_config(folder: Path) -> tuple[ExtractionReason, str]:
    """Return the reason and the words for a folder without a config.json."""
    if folder.is_dir() and not any(folder.glob("*.safetensors")):
        return "pickle_only", "pickled weights without a config.json; pickles are never opened"
    return "no_config", "no config.json"
