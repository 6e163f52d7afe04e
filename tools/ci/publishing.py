"""The report on its way into the repository: a pull request or a commit, and nothing when no byte of it changed.

The branch of the pull request belongs to this command: it is written anew each time from the branch that the report
belongs on, one for each of them, so that it never conflicts and brings nothing else, and one request stays open instead
of one a week.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import StageError, UsageError
from tools.ci.programs import told

MOST_REQUESTS = 1000  # open ones of a branch's name, which any fork may give a branch of its own
MANIFEST = "manifest.json"  # names the runs behind the report; it alone is no news
TITLE = "Report of the newest run"
AUTHOR = ("-c", "user.name=github-actions[bot]", "-c", "user.email=github-actions[bot]@users.noreply.github.com")
# Credentials come from gh, which takes them from GH_TOKEN: they stand in no file and no argument.
HELPER = ("-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential")

Destination = Literal["pull-request", "commit"]


@dataclass(frozen=True)
class Remote:
    """The repository's address for git and the branch that the report belongs on."""

    url: str
    base: str

    @property
    def proposal(self) -> str:
        """Return the branch of the pull request."""
        return f"arborist/report-{self.base}"


@dataclass(frozen=True)
class Published:
    """What was pushed: the branch ("" = nothing) and how many files differ."""

    branch: str
    files: int


def publish(incoming: Path, folder: Path, remote: Remote, to: Destination) -> Published:
    """Replace `folder` of the checkout here by the one below `incoming` and push it.

    Raises `StageError`, and `UsageError` when no report came in.
    """
    lay_over(incoming / folder.name, folder)
    told("git", "add", "--all", "--", str(folder))
    changed = news(told("git", "diff", "--cached", "--name-only"))
    if not changed or (to == "pull-request" and _is_proposed(remote, folder)):
        return Published("", 0)
    told("git", *AUTHOR, "commit", "--quiet", "--message", f"{TITLE}: {len(changed)} files changed")
    if to == "commit":
        _push(remote, remote.base)
        return Published(remote.base, len(changed))
    _push(remote, remote.proposal, "--force")
    _propose(remote, incoming / "summary.md")
    return Published(remote.proposal, len(changed))


def lay_over(source: Path, target: Path) -> None:
    """Replace the report's folder by what came in."""
    if not (source / MANIFEST).is_file():
        raise UsageError(f"expected a report with its manifest in {str(source)!r}")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def news(names: str) -> list[str]:
    """Return the changed files that count, one a line."""
    return [name for name in names.splitlines() if Path(name).name != MANIFEST]


def _is_proposed(remote: Remote, folder: Path) -> bool:
    """Say whether the branch of the pull request holds this report already."""
    if not told("git", *HELPER, "ls-remote", remote.url, f"refs/heads/{remote.proposal}"):
        return False
    told("git", *HELPER, "fetch", "--quiet", "--depth=1", remote.url, f"refs/heads/{remote.proposal}")
    return not news(told("git", "diff", "--cached", "--name-only", "FETCH_HEAD", "--", str(folder)))


def _push(remote: Remote, branch: str, *options: str) -> None:
    told("git", *HELPER, "push", "--quiet", *options, remote.url, f"HEAD:refs/heads/{branch}")


def _propose(remote: Remote, body: Path) -> None:
    """Open the pull request, or tell the open one what is new."""
    number = _open_request(remote)
    text = ("--title", TITLE, "--body-file", str(body))
    if number:
        told("gh", "pr", "edit", str(number), *text)
    else:
        told("gh", "pr", "create", f"--base={remote.base}", f"--head={remote.proposal}", *text)


def _open_request(remote: Remote) -> int | None:
    """Return the number of this repository's own request; gh lists those of forks' branches of this name with it."""
    asked = (f"--head={remote.proposal}", f"--base={remote.base}", "--state=open", f"--limit={MOST_REQUESTS}")
    listed = told("gh", "pr", "list", *asked, "--json=number,isCrossRepository")
    try:
        numbers = [int(each["number"]) for each in json.loads(listed) if not each["isCrossRepository"]]
    except (ValueError, KeyError, TypeError) as error:
        raise StageError(f"gh pr list: expected JSON with number, got {listed[:200]!r}") from error
    return min(numbers, default=None)
