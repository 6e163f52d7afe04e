"""The GitHub command line as the workflows call it, over the folders that `tools.workflows` leaves.

FAKE_GITHUB names the folder of the runs. Pull requests are lines of pull_requests.json in it; while the file
requests_forbidden is there, the repository does not allow GitHub Actions to create them.
"""

import json
import os
import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

RUNS = Path(os.environ["FAKE_GITHUB"])
REQUESTS = RUNS / "pull_requests.json"


def main(arguments: list[str]) -> str:
    """Answer, or exit as gh does."""
    if not os.environ.get("GH_TOKEN") or not os.environ.get("GH_REPO"):
        sys.exit("gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable.")
    parser = ArgumentParser()
    for option in (
        "workflow",
        "branch",
        "event",
        "json",
        "limit",
        "status",
        "name",
        "dir",
        "head",
        "state",
        "base",
        "title",
    ):
        parser.add_argument(f"--{option}")
    parser.add_argument("--body-file", type=Path)
    parser.add_argument("number", nargs="?")
    return COMMANDS[arguments[0], arguments[1]](parser.parse_args(arguments[2:]))


def run_list(given) -> str:
    """The finished runs of an event, newest first."""
    records = [json.loads(path.read_text()) for path in RUNS.glob("*/run.json")]
    wanted = (given.workflow, given.event)
    mine = sorted((each["run_id"] for each in records if (each["workflow"], each["event"]) == wanted), reverse=True)
    assert (given.json, given.status, given.branch) == ("databaseId", "completed", "main")
    return json.dumps([{"databaseId": run_id} for run_id in mine[: int(given.limit)]])


def run_download(given) -> str:
    """Copy an artifact."""
    folder = RUNS / given.number / "artifacts" / given.name
    if not folder.is_dir():
        sys.exit("no artifact matches any of the names or patterns provided")
    shutil.copytree(folder, given.dir, dirs_exist_ok=True)
    return ""


def requests() -> list[dict[str, Any]]:
    """All pull requests; their state is `open` or `merged`."""
    return json.loads(REQUESTS.read_text()) if REQUESTS.exists() else []


def pr_list(given) -> str:
    """The open requests of a branch's name, newest first: a fork's (`fork` in the file) among them."""
    assert (given.state, given.json) == ("open", "number,isCrossRepository")
    found = [
        {"number": number, "isCrossRepository": each.get("fork", False)}
        for number, each in enumerate(requests(), 1)
        if (each["head"], each["base"], each["state"]) == (given.head, given.base, given.state)
    ]
    return json.dumps(found[::-1][: int(given.limit)])


def pr_create(given) -> str:
    """Open a request."""
    if (RUNS / "requests_forbidden").exists():
        sys.exit(
            "pull request create failed: GraphQL: GitHub Actions is not permitted to create or approve pull requests"
        )
    made = {"head": given.head, "base": given.base, "state": "open", "title": given.title}
    REQUESTS.write_text(json.dumps([*requests(), {**made, "body": given.body_file.read_text()}]))
    return ""


def pr_edit(given) -> str:
    """Change a request's text."""
    found = requests()
    found[int(given.number) - 1]["body"] = given.body_file.read_text()
    REQUESTS.write_text(json.dumps(found))
    return ""


COMMANDS = {
    ("run", "list"): run_list,
    ("run", "download"): run_download,
    ("pr", "list"): pr_list,
    ("pr", "create"): pr_create,
    ("pr", "edit"): pr_edit,
}

if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
