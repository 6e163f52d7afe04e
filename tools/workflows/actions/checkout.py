"""actions/checkout: a clone of the repository, or a copy of a plain folder."""

import shutil
import subprocess
from pathlib import Path

from tools.workflows.actions.call import Action, ActionCall
from tools.workflows.environment import SYSTEM_PATH
from tools.workflows.errors import ActionFailure
from tools.workflows.expressions.values import string

NO_CREDENTIALS = "no-credentials-are-kept://"


def checkout(call: ActionCall) -> dict[str, str]:
    """Empty the target and bring the repository; pushing works with kept credentials and `contents: write` only."""
    target = call.path(call.inputs["path"])
    keep_credentials = call.flag("persist-credentials")
    depth = call.whole("fetch-depth", 0, 10**8)
    if call.inputs["path"] == "" or target.is_dir():
        shutil.rmtree(target)
    repository = call.state.run.repository
    if not is_git(repository):
        shutil.copytree(repository, target, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__"))
        return {"ref": call.inputs["ref"], "commit": "0" * 40}
    clone(call, repository, target, depth)
    if not keep_credentials or not may_write(call):
        git(call, "-C", str(target), "remote", "set-url", "--push", "origin", NO_CREDENTIALS)
    return {"ref": call.inputs["ref"], "commit": git(call, "-C", str(target), "rev-parse", "HEAD")}


def is_git(repository: Path) -> bool:
    """Tell a git repository, bare or not, from a plain folder."""
    return (repository / ".git").exists() or (repository / "HEAD").is_file()


def may_write(call: ActionCall) -> bool:
    """Tell whether the job's token may push; where no file says so, the repository's settings let it."""
    permissions = call.state.permissions
    return permissions is None or permissions.get("contents") == "write"


def clone(call: ActionCall, repository: Path, target: Path, depth: int) -> None:
    """Clone one ref, of the wanted depth (0: all)."""
    ref = call.inputs["ref"] or string(call.state.run.github["ref_name"])
    shallow = ["--depth", str(depth)] if depth else []
    git(call, "clone", "--quiet", *shallow, "--branch", ref, "--", repository.as_uri(), str(target))


def git(call: ActionCall, *arguments: str) -> str:
    """Run git in the job's home and return what it prints."""
    env = {"PATH": SYSTEM_PATH, "HOME": str(call.state.home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False, env=env)  # noqa: S607
    if done.returncode != 0:
        raise ActionFailure(f"{call.name}: git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


CHECKOUT = Action(
    "actions/checkout",
    {"ref": "", "path": "", "fetch-depth": "1", "persist-credentials": "true", "token": ""},
    checkout,
)
