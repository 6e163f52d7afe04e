"""One job: shells, files of commands, conditions of steps, actions."""

import subprocess
import time

import pytest

from tools.workflows import WorkflowError
from tools.workflows.step_reader import SHELLS


def log_of(result, job="a"):
    path = result.job(job).log
    assert path is not None
    return path.read_text()


def test_shells(run_steps):
    result = run_steps(
        """
        - {run: "false | true", continue-on-error: true}
        - {run: "false | true", shell: bash, continue-on-error: true}
        - {run: "false; true", continue-on-error: true}
        - {run: "false | true", shell: sh}
        - {run: "false; true", shell: sh, continue-on-error: true}
        - {uses: actions/setup-python@v6, with: {python-version: "3.11"}}
        - {run: "import sys; sys.exit(3)", shell: python, continue-on-error: true}
        - {run: "import sys; sys.exit(0)", shell: python}
        """
    )
    outcomes = [step.outcome == "success" for step in result.job("a").steps]
    assert outcomes == [True, False, False, True, False, True, False, True]
    assert result.conclusion == "success", log_of(result)


def test_a_shell_that_is_not_there_fails_the_step(run_steps, monkeypatch):
    monkeypatch.setitem(SHELLS, "sh", ("a-shell-of-another-machine",))
    result = run_steps("- {run: 'true', shell: sh}\n- {run: 'true', if: failure()}")
    assert [step.outcome for step in result.job("a").steps] == ["failure", "success"]
    assert "shell: no a-shell-of-another-machine on PATH" in log_of(result)


def test_conditions_of_steps(run_steps):
    result = run_steps(
        """
        - {id: one, run: "false", continue-on-error: true}
        - {id: two, run: "true", if: "steps.one.outcome == 'failure' && steps.one.conclusion == 'success'"}
        - {id: three, run: "false"}
        - {id: four, run: "true"}
        - {id: five, run: "true", if: failure()}
        - {id: six, run: "true", if: "${{ !cancelled() }}"}
        - {id: seven, run: "true", if: cancelled()}
        - {id: eight, run: "true", if: "failure() && steps.two.outcome == 'skipped'"}
        """
    )
    assert {step.id: step.outcome for step in result.job("a").steps} == {
        "one": "failure",
        "two": "success",
        "three": "failure",
        "four": "skipped",
        "five": "success",
        "six": "success",
        "seven": "skipped",
        "eight": "skipped",
    }
    assert result.conclusion == "failure"


def state_of(pid):
    """Return R, S, Z, ... of a process, '' once it is gone."""
    return subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True).stdout.strip()[:1]


def test_limit_of_a_step(run_steps):
    result = run_steps("- {run: sleep 60, timeout-minutes: 0.005}\n- {run: 'true', if: failure()}")
    assert [step.outcome for step in result.job("a").steps] == ["failure", "success"]


def test_what_a_step_leaves_running_ends_with_the_job(run_steps, tmp_path):
    result = run_steps("- run: sleep 60 & echo $! > pid\n- run: kill -0 $(cat pid)")
    assert result.conclusion == "success"
    pid = (tmp_path / "store/1/jobs/a/workspace/pid").read_text().strip()
    deadline = time.monotonic() + 5
    while (state := state_of(pid)) not in {"", "Z"} and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state in {"", "Z"}


def test_variables_of_later_steps(run_steps):
    result = run_steps(
        r"""
        - run: printf 'A=later\nTEXT<<E O F\none\ntwo=2\n\nE O F\n' >> "$GITHUB_ENV"
        - run: test "$A" = later && test "$TEXT" = $'one\ntwo=2\n'
        - env: {A: own}
          run: test "$A ${{ env.A }}" = "own own"
        """,
        "env: {A: first}",
    )
    assert result.conclusion == "success", log_of(result)


@pytest.mark.parametrize(
    "line", ["no assignment", "=value", "x<<", "x<<END\\nunfinished", "<<END\\nEND"], ids=lambda line: line[:8]
)
def test_wrong_outputs_fail_the_step(run_steps, line):
    result = run_steps(f"- run: printf '{line}\\n' >> \"$GITHUB_OUTPUT\"")
    assert result.conclusion == "failure"


@pytest.mark.parametrize("name", ["GITHUB_SHA", "RUNNER_TEMP", "NODE_OPTIONS"])
def test_variables_of_the_runner_cannot_be_set(run_steps, name):
    assert run_steps(f'- run: echo {name}=x >> "$GITHUB_ENV"').conclusion == "failure"


def test_the_most_specific_variable_is_used(run):
    """docs.github.com, workflow syntax, env; variables reference: those of the runner stay, CI alone may be set."""
    result = run(
        """
        on: push
        env: {A: workflow, B: workflow, C: workflow, CI: mine, GITHUB_ACTIONS: mine}
        jobs:
          a:
            runs-on: ubuntu-24.04
            env: {A: job, B: job}
            outputs: {seen: "${{ steps.x.outputs.seen }}"}
            steps:
              - id: x
                env: {A: step}
                run: echo "seen=$A $B $C ${{ env.A }} $CI $GITHUB_ACTIONS" >> "$GITHUB_OUTPUT"
        """
    )
    assert result.job("a").outputs == {"seen": "step job workflow step mine true"}


@pytest.mark.parametrize(("letter", "count", "expected"), [("a", 2**19, "success"), ("a", 2**19 + 1, "failure"),
                                                           ("\U0001f333", 2**18 + 1, "failure")])  # fmt: skip
def test_outputs_of_a_job_are_a_megabyte_of_utf16(run_steps, letter, count, expected):
    """docs.github.com, defining outputs for jobs: 1 MB per job, approximated based on UTF-16 encoding."""
    keys = 'outputs: {x: "${{ steps.x.outputs.x }}"}'
    write = f"import os; open(os.environ['GITHUB_OUTPUT'], 'w').write('x=' + {letter!r} * {count} + chr(10))"
    result = run_steps(f'- uses: actions/setup-python@v6\n- {{id: x, shell: python, run: "{write}"}}', keys)
    assert result.conclusion == expected


def test_folders_added_to_the_path_come_first(run_steps):
    result = run_steps(
        r"""
        - run: |
            mkdir one two
            printf '#!/bin/sh\necho one\n' > one/date && printf '#!/bin/sh\necho two\n' > two/date && chmod +x */date
            printf '%s\n' "$PWD/one" >> "$GITHUB_PATH"
        - run: test "$(date)" = one && echo "$PWD/two" >> "$GITHUB_PATH"
        - run: test "$(date)" = two
        """
    )
    assert result.conclusion == "success", log_of(result)


def test_working_directory(run_steps):
    result = run_steps(
        """
        - {run: mkdir -p deep/er, working-directory: .}
        - {run: 'test "$(basename "$PWD")" = deep'}
        - {run: 'test "$(basename "$PWD")" = er', working-directory: deep/er}
        - {run: "true", working-directory: none}
        """,
        "defaults: {run: {working-directory: deep}}",
    )
    assert [step.outcome for step in result.job("a").steps] == ["success", "success", "success", "failure"]


def test_python_is_this_interpreter(run_steps):
    result = run_steps(
        """
        - {uses: actions/setup-python@v6, id: python, with: {python-version: "3.11"}}
        - {run: "import duckdb, sys; print(sys.prefix)", shell: python}
        - {run: 'test "$(command -v python)" = "${{ steps.python.outputs.python-path }}"'}
        """
    )
    assert result.conclusion == "success", log_of(result)


def test_composite_action(run_steps, repository):
    folder = repository / ".github/actions/greet"
    folder.mkdir(parents=True)
    (folder / "action.yml").write_text(
        """
name: greet
description: says hello
inputs:
  who: {description: whom, default: nobody}
outputs:
  said: {description: what, value: "${{ steps.say.outputs.said }}"}
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      env: {WHO: "${{ inputs.who }}"}
      run: |
        echo "said=hello $WHO" >> "$GITHUB_OUTPUT"
        echo "GREETED=$WHO" >> "$GITHUB_ENV"
        test "$WHO" != failure
    - {run: test -f "$GITHUB_ACTION_PATH/action.yml", shell: bash}
"""
    )
    result = run_steps(
        """
        - uses: actions/checkout@v6
        - {id: x, uses: ./.github/actions/greet, with: {who: world}}
        - run: test "$GREETED ${{ steps.x.outputs.said }}" = "world hello world"
        - {uses: ./.github/actions/greet, with: {who: failure}}
        """
    )
    assert [step.outcome for step in result.job("a").steps] == ["success", "success", "success", "failure"]


def test_artifacts_keep_their_shape(run_steps):
    result = run_steps(
        """
        - run: mkdir -p out/a/.git out/b && touch out/a/1.txt out/a/2.log out/b/1.txt out/a/.git/x other.txt out/.hidden
        - run: chmod +x out/a/1.txt
        - {uses: actions/upload-artifact@v4, with: {name: folder, path: out}}
        - {uses: actions/upload-artifact@v4, with: {name: file, path: out/a/1.txt}}
        - {uses: actions/upload-artifact@v4, with: {name: wild, path: "out/*/1.txt"}}
        - {uses: actions/upload-artifact@v4, with: {name: several, path: "out/a\\nother.txt\\n!out/**/*.log"}}
        - {uses: actions/upload-artifact@v4, with: {name: hidden, path: out, include-hidden-files: true}}
        - {uses: actions/download-artifact@v8, with: {path: all, pattern: "f*"}}
        - {uses: actions/download-artifact@v8, with: {path: one, name: wild}}
        - run: test -f all/file/1.txt && test -f all/folder/b/1.txt && test -f one/a/1.txt && test ! -x one/a/1.txt
        """
    )
    assert result.conclusion == "success", log_of(result)

    def files(name):
        folder = result.artifact(name)
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    assert files("folder") == ["a/1.txt", "a/2.log", "b/1.txt"]
    assert files("file") == ["1.txt"]
    assert files("wild") == ["a/1.txt", "b/1.txt"]
    assert files("several") == ["other.txt", "out/a/1.txt"]
    assert files("hidden") == [".hidden", "a/.git/x", "a/1.txt", "a/2.log", "b/1.txt"]


def test_one_artifact_that_a_pattern_finds_has_no_folder(run_steps):
    """README of actions/download-artifact, what is new in version 5: so it is for patterns that match one artifact."""
    result = run_steps(
        """
        - run: echo pruned > store; echo pruned > more
        - {uses: actions/upload-artifact@v7, with: {name: pruned-1, path: "store\\nmore"}}
        - run: echo measured > store
        - {uses: actions/upload-artifact@v7, with: {name: measured-1, path: store}}
        - {uses: actions/download-artifact@v8, with: {path: parts, pattern: 'pruned-*'}}
        - {uses: actions/download-artifact@v8, with: {path: parts, pattern: 'measured-*'}}
        - {uses: actions/download-artifact@v8, with: {path: none, pattern: 'extracted-*'}}
        - run: grep measured parts/store && grep pruned parts/more && test ! -e parts/pruned-1 && test ! -e none
        """
    )
    assert result.conclusion == "success", log_of(result)


@pytest.mark.parametrize(
    "given",
    [
        "name: x, path: none, if-no-files-found: error",
        "name: taken, path: file",
        "name: 'a/b', path: file",
        "name: x, path: file, retention-days: 91",
        "name: x, path: ../../../..",
        "name: x, path: file, if-no-files-found: maybe, include-hidden-files: perhaps",
        "name: x",
    ],
)
def test_uploads_that_fail(run_steps, given):
    result = run_steps(
        f"""
        - run: touch file
        - {{uses: actions/upload-artifact@v4, with: {{name: taken, path: file}}}}
        - {{uses: actions/upload-artifact@v4, with: {{{given}}}}}
        """
    )
    assert [step.outcome for step in result.job("a").steps] == ["success", "success", "failure"]


def test_artifact_of_an_earlier_run(run_steps):
    first = run_steps("- run: echo store > file\n- {uses: actions/upload-artifact@v4, with: {name: store, path: file}}")
    download = """
        - uses: actions/download-artifact@v8
          with: {{name: store, run-id: {run}, github-token: "{token}"}}
        - run: grep store file
    """
    good = download.format(run=first.run_id, token="${{ github.token }}")
    assert run_steps(good).conclusion == "success"
    assert run_steps(good, "permissions: {actions: read}").conclusion == "success"
    assert run_steps(good, "permissions: {contents: read}").conclusion == "failure"
    assert run_steps(download.format(run=first.run_id, token="")).conclusion == "failure"
    assert run_steps(download.format(run=99, token="${{ github.token }}")).conclusion == "failure"


GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid"]


@pytest.fixture
def bare(repository, tmp_path):
    """A bare clone of the repository with one commit, which jobs may push to."""
    (repository / "report.md").write_text("old\n")
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*GIT, *arguments], cwd=repository, check=True)
    target = tmp_path / "project.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(repository), str(target)], check=True)
    return target


def run_on(bare, tmp_path, steps, permissions):
    from tools.workflows import run_workflow

    path = tmp_path / "publish.yml"
    path.write_text(
        f"on: push\npermissions: {permissions}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n{steps}"
    )
    return run_workflow(path, "push", {}, {}, bare, tmp_path / "store")


PUSH = """
      - uses: actions/checkout@v6
        with: {{persist-credentials: {keep}}}
      - run: |
          git config user.name x && git config user.email x@example.invalid
          echo new > report.md && git commit -qam two && git push -q origin HEAD:main
"""


@pytest.mark.parametrize(
    ("keep", "permissions", "expected"),
    [("true", "{contents: write}", "success"), ("false", "{contents: write}", "failure"), ("true", "{}", "failure")],
)
def test_pushing_needs_kept_credentials_and_permission(bare, tmp_path, keep, permissions, expected):
    result = run_on(bare, tmp_path, PUSH.format(keep=keep), permissions)
    assert result.conclusion == expected, log_of(result)
    shown = subprocess.run(["git", "-C", bare, "show", "main:report.md"], capture_output=True, text=True).stdout
    assert shown == ("new\n" if expected == "success" else "old\n")


@pytest.mark.parametrize(
    "uses",
    [
        "someone/action@v1",
        "actions/checkout",
        "actions/upload-artifact@v3",
        "actions/download-artifact@v4",
        "docker://alpine",
        "./nothing",
    ],
)
def test_unknown_actions_are_refused(run_steps, uses):
    if uses.startswith("./"):
        assert run_steps(f"- uses: {uses}").conclusion == "failure"
    else:
        with pytest.raises(WorkflowError, match=r"test\.yml:6"):
            run_steps(f"- uses: {uses}")
