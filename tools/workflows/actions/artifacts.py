"""actions/upload-artifact from version 4, actions/download-artifact from 5: folders of a run, each written once.

Source: the README of both actions and `search.ts`, `download-artifact.ts` of their repositories.
"""

import re
import shutil
from fnmatch import fnmatchcase
from os.path import commonpath
from pathlib import Path

from tools.workflows.actions.call import Action, ActionCall
from tools.workflows.errors import ActionFailure
from tools.workflows.records import Artifact
from tools.workflows.state import TOKEN

FORBIDDEN = re.compile(r'["<>|*?\r\n\\/:]')
MAGIC = re.compile(r"[*?\[]")
OLD = frozenset({"v1", "v2", "v3"})
NESTING = OLD | {"v4"}  # it puts the one artifact that a pattern finds into a folder of its own


def upload(call: ActionCall) -> dict[str, str]:
    """Keep files under a name."""
    name = call.inputs["name"]
    if not name or FORBIDDEN.search(name):
        raise ActionFailure(f'{call.name}: name {name!r:.80} is empty or has one of " < > | * ? \\ / : or a line break')
    retention = call.whole("retention-days", 0, 90) or 90
    call.whole("compression-level", 0, 9)
    files = chosen_files(call)
    if not files:
        return nothing_found(call)
    artifacts = call.state.run.artifacts
    if name in artifacts and not call.flag("overwrite"):
        raise ActionFailure(f"{call.name}: an artifact {name!r} is already in this run")
    folder = call.state.run.folder / "artifacts" / name
    shutil.rmtree(folder, ignore_errors=True)
    root = common_root(call)
    for path in files:
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)  # an artifact keeps no permissions: a program is none afterwards
    artifacts[name] = Artifact(name, folder, retention)
    return {"artifact-id": str(len(artifacts)), "artifact-url": folder.as_uri()}


def nothing_found(call: ActionCall) -> dict[str, str]:
    """Do what `if-no-files-found` says."""
    wanted = call.inputs["if-no-files-found"]
    if wanted not in {"warn", "error", "ignore"}:
        raise ActionFailure(f"{call.name}: if-no-files-found: expected warn, error or ignore, got {wanted!r:.80}")
    message = f"{call.name}: no files found at {', '.join(call.lines('path'))}"
    if wanted == "error":
        raise ActionFailure(message)
    call.state.note(message)
    return {}


def chosen_files(call: ActionCall) -> list[Path]:
    """Return the files of all patterns without those of `!` patterns; hidden ones only if asked for."""
    lines = call.lines("path")
    if not any(not line.startswith("!") for line in lines):
        raise ActionFailure(f"{call.name}: expected a path")
    hidden = call.flag("include-hidden-files")
    chosen: set[Path] = set()
    for line in lines:
        found = files_of(call.path(line.removeprefix("!")))
        chosen = chosen - found if line.startswith("!") else chosen | found
    root = common_root(call)
    return sorted(path for path in chosen if hidden or not any(part[0] == "." for part in path.relative_to(root).parts))


def files_of(pattern: Path) -> set[Path]:
    """Return the files a pattern finds, of a folder all in it."""
    root = search_path(pattern)
    found = root.glob(str(pattern.relative_to(root))) if pattern != root else [root]
    return {file for path in found for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()}


def common_root(call: ActionCall) -> Path:
    """Return the folder that paths in the artifact are relative to: of one path itself, of several what they share."""
    roots = [search_path(call.path(line)) for line in call.lines("path") if not line.startswith("!")]
    if len(roots) == 1:
        return roots[0].parent if roots[0].is_file() else roots[0]
    shared = Path(commonpath(roots))
    return shared.parent if shared.is_file() else shared


def search_path(pattern: Path) -> Path:
    """Return the part before the first part with a wildcard."""
    kept = Path(pattern.anchor)
    for part in pattern.parts[1:]:
        if MAGIC.search(part):
            break
        kept /= part
    return kept


def download(call: ActionCall) -> dict[str, str]:
    """Bring one artifact into `path`, or all that fit a pattern, each into its folder unless merged.

    One artifact is not put into a folder of its own, whether a name or a pattern finds it.
    """
    available = artifacts_of(call)
    target = call.path(call.inputs["path"])
    name, pattern = call.inputs["name"], call.inputs["pattern"] or "*"
    if name and name not in available:
        raise ActionFailure(f"{call.name}: artifact {name!r} not found, only {sorted(available)}")
    wanted = [name] if name else sorted(found for found in available if fnmatchcase(found, pattern))
    flat = call.flag("merge-multiple") or len(wanted) == 1
    for found in wanted:
        copy_into(available[found], target if flat else target / found)
    return {"download-path": str(target)}


def artifacts_of(call: ActionCall) -> dict[str, Path]:
    """Return the artifacts of this run, or of an earlier one, which takes a token that may read actions."""
    run, wanted = call.state.run, call.inputs["run-id"]
    if not wanted or wanted == str(run.run_id):
        return {name: artifact.folder for name, artifact in run.artifacts.items()}
    if call.inputs["github-token"] != TOKEN:
        raise ActionFailure(f"{call.name}: another run's artifacts need github-token")
    permissions = call.state.permissions
    if permissions is not None and permissions.get("actions") not in {"read", "write"}:
        raise ActionFailure(f"{call.name}: another run's artifacts need the permission actions: read")
    if not (wanted.isascii() and wanted.isdecimal()) or not (run.store / wanted).is_dir():
        raise ActionFailure(f"{call.name}: no run {wanted!r:.80}")
    return {folder.name: folder for folder in (run.store / wanted).glob("artifacts/*")}


def copy_into(source: Path, target: Path) -> None:
    """Copy an artifact's files over what is there."""
    shutil.copytree(source, target, dirs_exist_ok=True)


UPLOAD = Action(
    "actions/upload-artifact",
    {
        "name": "artifact",
        "path": "",
        "if-no-files-found": "warn",
        "retention-days": "0",
        "compression-level": "6",
        "overwrite": "false",
        "include-hidden-files": "false",
    },
    upload,
    OLD,
)
DOWNLOAD = Action(
    "actions/download-artifact",
    {
        "name": "",
        "path": "",
        "pattern": "",
        "merge-multiple": "false",
        "run-id": "",
        "github-token": "",
        "repository": "",
    },
    download,
    NESTING,
)
