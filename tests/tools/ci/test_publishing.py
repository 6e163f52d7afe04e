"""What reaches the repository: changed bytes, and nothing else."""

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import StageError, UsageError
from tools.ci.publishing import Published, Remote, publish

FOLDER = Path("analysis_result")
BRANCH = "arborist/report-main"


def git(*arguments: str | Path) -> str:
    return subprocess.run(["git", *map(str, arguments)], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def remote(step, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """A bare repository with a report, and a checkout of it as the working folder."""
    bare, seed = step.folder / "bare", step.folder / "seed"
    git("init", "--quiet", "--bare", "-b", "main", bare)
    git("init", "--quiet", "-b", "main", seed)
    write(seed / FOLDER, {"README.md": "old", "manifest.json": "1", "gone.md": "x"})
    (seed / "code.py").write_text("code")
    git("-C", seed, "add", "--all")
    git("-C", seed, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first")
    git("-C", seed, "push", "--quiet", bare, "main")
    checkout(step, bare, monkeypatch)
    return Remote(bare.as_uri(), "main")


def checkout(step, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = len(list(step.folder.glob("checkout-*")))
    git("clone", "--quiet", "--depth=1", bare.as_uri(), step.folder / f"checkout-{number}")
    monkeypatch.chdir(step.folder / f"checkout-{number}")


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def incoming(step, **files: str) -> Path:
    folder = step.folder / "incoming"
    subprocess.run(["rm", "-rf", folder], check=True)
    write(folder / FOLDER, {f"{name}.md": text for name, text in files.items()})
    write(folder / FOLDER, {"manifest.json": files["README"] + "-manifest"})
    write(folder, {"summary.md": f"## {files['README']}"})
    return folder


def push(step, files: dict[str, str]) -> str:
    """Let somebody else push to main; return the commit."""
    folder = step.folder / "theirs"
    git("clone", "--quiet", step.folder / "bare", folder)
    for name, text in files.items():
        (folder / name).write_text(text)
    git("-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--all", "-m", "theirs")
    git("-C", folder, "push", "--quiet", "origin", "main")
    return git("-C", folder, "rev-parse", "HEAD")


def branch_files(step, branch: str) -> dict[str, str]:
    names = git("-C", step.folder / "bare", "ls-tree", "-r", "--name-only", branch).splitlines()
    return {name: git("-C", step.folder / "bare", "show", f"{branch}:{name}") for name in names}


def requests(step) -> list[dict[str, str]]:
    return json.loads((step.runs / "pull_requests.json").read_text())


def test_a_changed_report_is_proposed_once_and_then_updated(step, remote, monkeypatch: pytest.MonkeyPatch) -> None:
    assert publish(incoming(step, README="new"), FOLDER, remote, "pull-request") == Published(BRANCH, 2)
    assert branch_files(step, BRANCH) == {
        "analysis_result/README.md": "new", "analysis_result/manifest.json": "new-manifest", "code.py": "code",
    }  # fmt: skip
    assert branch_files(step, "main")["analysis_result/README.md"] == "old"
    (request,) = requests(step)
    assert (request["head"], request["base"], request["body"]) == (BRANCH, "main", "## new")
    for text, expected in (("new", Published("", 0)), ("newer", Published(BRANCH, 2))):
        checkout(step, step.folder / "bare", monkeypatch)
        assert publish(incoming(step, README=text), FOLDER, remote, "pull-request") == expected
    (request,) = requests(step)
    assert request["body"] == "## newer"
    assert branch_files(step, BRANCH)["analysis_result/README.md"] == "newer"


def test_the_request_of_a_fork_is_not_ours(step, remote) -> None:
    """Its branch may have any name; whoever merges it merges what stands in it."""
    theirs = {"head": BRANCH, "base": "main", "state": "open", "title": "theirs", "body": "theirs", "fork": True}
    (step.runs / "pull_requests.json").write_text(json.dumps([theirs]))
    publish(incoming(step, README="new"), FOLDER, remote, "pull-request")
    first, second = requests(step)
    assert first == theirs
    assert second["body"] == "## new"


def test_each_branch_has_a_request_of_its_own(step, remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands on another branch does not come into the request for main."""
    publish(incoming(step, README="new"), FOLDER, remote, "pull-request")
    checkout(step, step.folder / "bare", monkeypatch)
    Path("code.py").write_text("not for main")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--all", "-m", "other")
    git("push", "--quiet", "origin", "HEAD:refs/heads/other")
    done = publish(incoming(step, README="newer"), FOLDER, Remote(remote.url, "other"), "pull-request")
    assert done.branch == "arborist/report-other"
    assert branch_files(step, BRANCH)["code.py"] == "code"
    assert [(request["head"], request["base"]) for request in requests(step)] == [
        (BRANCH, "main"), (done.branch, "other"),
    ]  # fmt: skip


@pytest.mark.parametrize("to", ["pull-request", "commit"])
def test_nothing_is_pushed_when_the_manifest_alone_differs(to, step, remote) -> None:
    before = git("-C", step.folder / "bare", "for-each-ref")
    assert publish(incoming(step, README="old", gone="x"), FOLDER, remote, to) == Published("", 0)
    assert git("-C", step.folder / "bare", "for-each-ref") == before


def test_a_commit_goes_to_the_branch_itself(step, remote) -> None:
    assert publish(incoming(step, README="new"), FOLDER, remote, "commit") == Published("main", 2)
    assert branch_files(step, "main")["analysis_result/README.md"] == "new"
    assert not (step.runs / "pull_requests.json").exists()


@pytest.mark.parametrize("to", ["pull-request", "commit"])
def test_what_others_pushed_meanwhile_stays(to, step, remote) -> None:
    """A run takes hours: its checkout is behind, and the report of the week before was merged."""
    push(step, {"code.py": "theirs", "analysis_result/README.md": "merged"})
    done = publish(incoming(step, README="ours"), FOLDER, remote, to)
    files = branch_files(step, done.branch)
    assert (files["code.py"], files["analysis_result/README.md"]) == ("theirs", "ours")
    parents = git("-C", step.folder / "bare", "log", "--format=%s", done.branch).splitlines()
    assert parents == ["Report of the newest run: 2 files changed", "theirs", "first"]
    assert Path("code.py").read_text() == "code"


def test_a_push_that_comes_too_late_is_made_again(step, remote) -> None:
    """The base moves between the fetch and the push, once; a refusal for another reason is told."""
    hook = step.folder / "bare/hooks/update"
    moves = f"git update-ref refs/heads/main {push(step, {'code.py': 'theirs'})}"
    git("-C", step.folder / "bare", "update-ref", "refs/heads/main", "main~1")
    write(
        hook.parent, {"update": f"#!/bin/sh\n[ -e {step.folder}/moved ] && exit 0\n: >{step.folder}/moved\n{moves}\n"}
    )
    hook.chmod(0o755)
    assert publish(incoming(step, README="ours"), FOLDER, remote, "commit") == Published("main", 2)
    assert branch_files(step, "main")["code.py"] == "theirs"
    hook.write_text("#!/bin/sh\necho protected branch >&2\nexit 1\n")
    with pytest.raises(StageError, match=r"(?s)git .*protected branch"):
        publish(incoming(step, README="newer"), FOLDER, remote, "commit")


@pytest.mark.parametrize("to", ["pull-request", "commit"])
def test_a_run_that_is_run_again_does_not_replace_a_later_report(to, step, remote) -> None:
    older, newer = (json.dumps({"origin": {"runs": [{"run_id": day}]}}) for day in ("20261109T1-b", "20261116T1-a"))
    push(step, {"analysis_result/README.md": "later", "analysis_result/manifest.json": newer})
    given = incoming(step, README="older")
    write(given / FOLDER, {"manifest.json": older})
    with pytest.raises(StageError, match="of a later run"):
        publish(given, FOLDER, remote, to)
    assert branch_files(step, "main")["analysis_result/README.md"] == "later"


def test_a_run_that_is_run_again_does_not_replace_a_later_report_that_waits(step, remote, monkeypatch) -> None:
    for run, name in (("20261116T1-a", "later"), ("20261109T1-b", "older")):
        checkout(step, step.folder / "bare", monkeypatch)
        given = incoming(step, README=name)
        write(given / FOLDER, {"manifest.json": json.dumps({"origin": {"runs": [{"run_id": run}]}})})
        if name == "older":
            with pytest.raises(StageError, match="of a later run"):
                publish(given, FOLDER, remote, "pull-request")
        else:
            publish(given, FOLDER, remote, "pull-request")
    assert branch_files(step, BRANCH)["analysis_result/README.md"] == "later"


def test_a_checkout_with_its_history_keeps_it(step, remote, monkeypatch) -> None:
    push(step, {"code.py": "theirs"})
    git("clone", "--quiet", remote.url, step.folder / "whole")
    monkeypatch.chdir(step.folder / "whole")
    publish(incoming(step, README="new"), FOLDER, remote, "commit")
    assert git("rev-list", "--count", "HEAD") == "3"


def test_a_folder_outside_the_repository_is_refused(step, remote) -> None:
    with pytest.raises(UsageError, match="relative to the repository's"):
        publish(incoming(step, README="new"), step.folder / "elsewhere", remote, "commit")


def test_a_request_that_could_not_be_opened_is_opened_by_the_next_try(step, remote, monkeypatch) -> None:
    (step.runs / "requests_forbidden").touch()
    with pytest.raises(StageError, match=r"gh pr create.*not permitted to create"):
        publish(incoming(step, README="new"), FOLDER, remote, "pull-request")
    (step.runs / "requests_forbidden").unlink()
    checkout(step, step.folder / "bare", monkeypatch)
    assert publish(incoming(step, README="new"), FOLDER, remote, "pull-request") == Published(BRANCH, 2)
    assert [request["state"] for request in requests(step)] == ["open"]


def test_what_is_no_report_is_refused(step, remote) -> None:
    (step.folder / "empty").mkdir()
    with pytest.raises(UsageError, match="expected a report"):
        publish(step.folder / "empty", FOLDER, remote, "commit")
    assert (FOLDER / "README.md").read_text() == "old"
