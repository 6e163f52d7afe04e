"""actions/cache: folders under a key, beside the runs. A key is written once."""

import hashlib
import shutil
from pathlib import Path

from tools.workflows.actions.call import Action, ActionCall
from tools.workflows.errors import ActionFailure
from tools.workflows.state import AfterJob, JobRun

LONGEST_KEY = 512  # characters; GitHub's limit


def restore(call: ActionCall) -> dict[str, str]:
    """Bring back the folders of the key, else of the newest key that begins with one of `restore-keys`."""
    key = cache_key(call)
    entry = entry_of(call.state, key)
    found = entry if entry.is_dir() else newest(call)
    outputs = {"cache-primary-key": key, "cache-hit": "true" if found == entry else "false", "cache-matched-key": ""}
    if found is None:
        if call.flag("fail-on-cache-miss"):
            raise ActionFailure(f"{call.name}: no entry for key {key}")
        return {**outputs, "cache-hit": ""}
    if not call.flag("lookup-only"):
        for index, target in enumerate(folders(call)):
            copy(found / str(index), target)
    return {**outputs, "cache-matched-key": (found / "key").read_text(encoding="utf-8")}


def save(call: ActionCall) -> dict[str, str]:
    """Keep the folders now."""
    keep(AfterJob(entry_of(call.state, cache_key(call)), tuple(folders(call)), call.inputs["key"]))
    return {}


def restore_and_save(call: ActionCall) -> dict[str, str]:
    """Bring the folders back, and keep them after the job if the key itself was not there."""
    outputs = restore(call)
    if outputs["cache-hit"] != "true":
        entry = entry_of(call.state, cache_key(call))
        call.state.after.append(AfterJob(entry, tuple(folders(call)), call.inputs["key"]))
    return outputs


def cache_key(call: ActionCall) -> str:
    """Return the checked key."""
    key = call.inputs["key"]
    if not key or len(key) > LONGEST_KEY or "," in key or not folders(call):
        raise ActionFailure(f"{call.name}: expected a path, and a key of 1 to {LONGEST_KEY} characters without a comma")
    return key


def folders(call: ActionCall) -> list[Path]:
    """Return the paths to keep."""
    return [call.path(line) for line in call.lines("path")]


def entry_of(state: JobRun, key: str) -> Path:
    """Return where a key's folders are."""
    return state.run.store / "cache" / hashlib.sha256(key.encode()).hexdigest()


def newest(call: ActionCall) -> Path | None:
    """Return the newest entry that one of the prefixes finds, earlier prefixes first."""
    keys = sorted(
        call.state.run.store.glob("cache/*/key"), key=lambda path: (path.stat().st_mtime_ns, path), reverse=True
    )
    for prefix in call.lines("restore-keys"):
        for path in keys:
            if path.read_text(encoding="utf-8").startswith(prefix):
                return path.parent
    return None


def keep(task: AfterJob) -> None:
    """Write an entry, unless its key is taken."""
    if task.target.is_dir():
        return
    for index, folder in enumerate(task.folders):
        copy(folder, task.target / str(index))
    task.target.mkdir(parents=True, exist_ok=True)
    (task.target / "key").write_text(task.key, encoding="utf-8")


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder over what is there; what is not there is left out."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


PATHS = {"path": "", "key": ""}
LOOKUP = {**PATHS, "restore-keys": "", "fail-on-cache-miss": "false", "lookup-only": "false"}
CACHE = Action("actions/cache", LOOKUP, restore_and_save)
RESTORE = Action("actions/cache/restore", LOOKUP, restore)
SAVE = Action("actions/cache/save", PATHS, save)
