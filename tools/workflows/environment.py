"""Contexts and variables as a runner of GitHub gives them."""

import subprocess
from pathlib import Path

from tools.workflows.expressions import Scope, Value
from tools.workflows.expressions.values import string
from tools.workflows.state import TOKEN, JobRun

OWNER = "example"
SERVER = "https://github.example"
API = "https://api.github.example"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
EXPORTED = [
    "action",
    "actor",
    "api_url",
    "base_ref",
    "event_name",
    "head_ref",
    "job",
    "ref",
    "ref_name",
    "ref_type",
    "repository",
    "repository_owner",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "triggering_actor",
    "workflow",
    "workspace",
]


def github_context(repository: Path, name: str, event: str, ref: str, run_id: int) -> dict[str, Value]:
    """Return the `github` context without its event."""
    short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    full_name = f"{OWNER}/{repository.name.removesuffix('.git')}"
    return {
        "action": "",
        "actor": OWNER,
        "api_url": API,
        "base_ref": "",
        "event_name": event,
        "head_ref": "",
        "ref": ref,
        "ref_name": short,
        "ref_type": "tag" if ref.startswith("refs/tags/") else "branch",
        "repository": full_name,
        "repository_owner": OWNER,
        "run_attempt": "1",
        "run_id": str(run_id),
        "run_number": str(run_id),
        "server_url": SERVER,
        "sha": head_of(repository, ref),
        "token": TOKEN,
        "triggering_actor": OWNER,
        "workflow": name,
    }


def head_of(repository: Path, ref: str) -> str:
    """Return the commit of a ref; of a plain folder forty zeros."""
    asked = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": SYSTEM_PATH, "GIT_CEILING_DIRECTORIES": str(repository.parent)},
    )
    return asked.stdout.strip() if asked.returncode == 0 else "0" * 40


def process_environment(state: JobRun, scope: Scope, env: dict[str, str]) -> dict[str, str]:
    """Return a process's variables: the runner's, the machine's and the declared ones, nothing of this process."""
    github = scope.contexts["github"]
    runner = state.runner()
    known = github if isinstance(github, dict) else {}
    path = [*state.path, *map(str, state.run.machine.programs), SYSTEM_PATH]
    own = {f"GITHUB_{name.upper()}": string(known.get(name)) for name in EXPORTED}
    own |= {f"RUNNER_{name.upper()}": string(value) for name, value in runner.items() if value}
    own |= {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(state.run.folder / "event.json")}
    if known.get("action_path"):
        own["GITHUB_ACTION_PATH"] = string(known["action_path"])
    base = {"CI": "true", "LANG": "C.UTF-8", "USER": "runner", "HOME": str(state.home), "GIT_CONFIG_NOSYSTEM": "1"}
    return {**base, **state.run.machine.environment, "PATH": ":".join(path), **env, **own}
