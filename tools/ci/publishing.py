"""The report on its way into the repository: a pull request or a commit, and nothing when no byte of it changed.

A run takes hours, so both begin at the tip that the base has now and not at the commit that the run was started for.
The branch of the pull request belongs to this command: each base has one, and it is written anew each time, so that it
never conflicts and brings nothing else, and one request stays open instead of one a week.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import StageError, UsageError
from tools.ci.programs import ask, failure, listed, told

MOST_REQUESTS = 1000  # open ones of a branch's name, which any fork may give a branch of its own
MANIFEST = "manifest.json"  # names the runs behind the report; it alone is no news
MOST_PUSHES = 5  # each time the base moved in the second between the fetch and the push
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
        return proposal_of(self.base)


def proposal_of(base: str) -> str:
    """Return the branch of the pull request into `base`."""
    return f"arborist/report-{base}"


@dataclass(frozen=True)
class Published:
    """What was pushed: the branch ("" = nothing) and how many files differ."""

    branch: str
    files: int


def publish(incoming: Path, folder: Path, remote: Remote, to: Destination) -> Published:
    """Replace `folder` of the base by the one below `incoming` and push it, again where the base moved meanwhile.

    Raises `StageError`, also when the base or the open request holds the report of a later run, and `UsageError` when
    no report came in or `folder` is not below the repository.
    """
    if folder.is_absolute():
        raise UsageError(f"--output-dir: expected a folder relative to the repository's, got {str(folder)!r}")
    lay_over(incoming / folder.name, folder)
    branch, options = (remote.base, ()) if to == "commit" else (remote.proposal, ("--force",))
    pushes = 0
    while True:
        tip = _fetched(remote, remote.base)
        changed = _stage(folder, tip)
        if not changed or (to == "pull-request" and _is_proposed(remote, folder)):
            return Published("", 0)
        told("git", *AUTHOR, "commit", "--quiet", "--message", f"{TITLE}: {len(changed)} files changed")
        push = ("git", *HELPER, "push", "--quiet", *options, remote.url, f"HEAD:refs/heads/{branch}")
        answer = ask(push)
        if answer.code == 0:
            break
        pushes += 1
        if pushes == MOST_PUSHES or _fetched(remote, remote.base) == tip:
            raise failure(push, answer)
    if to == "pull-request":
        _propose(remote, incoming / "summary.md")
    return Published(branch, len(changed))


def _fetched(remote: Remote, branch: str) -> str:
    """Fetch the newest commit of a branch and return its name; a checkout with its history keeps it."""
    depth = ("--depth=1",) if told("git", "rev-parse", "--is-shallow-repository") == "true" else ()
    told("git", *HELPER, "fetch", "--quiet", *depth, remote.url, f"refs/heads/{branch}")
    return told("git", "rev-parse", "FETCH_HEAD")


def _stage(folder: Path, tip: str) -> list[str]:
    """Make the index the tip's with the report laid over it and return the changed files that count.

    The files of the checkout stay what they are: this program runs from them.
    """
    told("git", "reset", "--quiet", tip)
    _check_not_older(folder, tip)
    told("git", "add", "--all", "--", str(folder))
    return news(told("git", "diff", "--cached", "--name-only"))


def _check_not_older(folder: Path, commit: str) -> None:
    """Raise `StageError` when a commit holds the report of a later run than the folder."""
    there = ask(("git", "show", f"{commit}:./{folder.as_posix()}/{MANIFEST}")).output
    if newest_run(there) > newest_run((folder / MANIFEST).read_text(encoding="utf-8")):
        raise StageError("the report there is of a later run than this one, which was run again: nothing is published")


def newest_run(manifest: str) -> str:
    """Return the newest run behind a report: ids begin with the time. "" where the text names none."""
    try:
        return max(str(run["run_id"]) for run in json.loads(manifest)["origin"]["runs"])
    except (ValueError, KeyError, TypeError):
        return ""


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
    """Say whether an open pull request holds this report already; a branch alone proposes nothing.

    Raises `StageError` when it holds a later one.
    """
    branch = f"refs/heads/{remote.proposal}"
    if open_request(remote.base) is None or not told("git", *HELPER, "ls-remote", remote.url, branch):
        return False
    proposed = _fetched(remote, remote.proposal)
    _check_not_older(folder, proposed)
    return not news(told("git", "diff", "--cached", "--name-only", proposed, "--", str(folder)))


def open_request(base: str) -> int | None:
    """Return the number of the report's open pull request into `base`.

    gh lists those of forks with a branch of the same name, too: they are not ours. Raises `StageError`.
    """
    words = ("gh", "pr", "list", f"--head={proposal_of(base)}", f"--base={base}", "--state=open")
    found = listed(*words, f"--limit={MOST_REQUESTS}", fields="number,isCrossRepository")
    return min((int(each["number"]) for each in found if not each["isCrossRepository"]), default=None)


def _propose(remote: Remote, body: Path) -> None:
    """Open the pull request, or tell the open one what is new."""
    number = open_request(remote.base)
    text = ("--title", TITLE, "--body-file", str(body))
    if number is None:
        told("gh", "pr", "create", f"--base={remote.base}", f"--head={remote.proposal}", *text)
    else:
        told("gh", "pr", "edit", str(number), *text)
