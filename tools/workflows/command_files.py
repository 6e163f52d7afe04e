"""Files through which a step speaks to its runner: GITHUB_OUTPUT, GITHUB_ENV, GITHUB_PATH, GITHUB_STEP_SUMMARY.

Source: docs.github.com, "Workflow commands for GitHub Actions"; order of `=` and `<<` from
`FileCommandManager` of github.com/actions/runner.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.workflows.errors import ActionFailure

LARGEST_SUMMARY = 1024 * 1024  # bytes a step; GitHub leaves out a larger one
COMMAND = re.compile(r"\s*::[a-zA-Z-]+( [^:]*)?::|.*##\[[a-zA-Z-]+")
FORBIDDEN = re.compile(r"(GITHUB|RUNNER)_.*|NODE_OPTIONS")


@dataclass(frozen=True)
class CommandFiles:
    """The four files of one step, all empty at its start."""

    folder: Path

    def create(self) -> dict[str, str]:
        """Make the files and return the variables that name them."""
        self.folder.mkdir(parents=True)
        names = {"GITHUB_OUTPUT": "output", "GITHUB_ENV": "env", "GITHUB_PATH": "path"}
        names["GITHUB_STEP_SUMMARY"] = "summary"
        for name in names.values():
            (self.folder / name).touch()
        return {variable: str(self.folder / name) for variable, name in names.items()}

    def text(self, name: str) -> str:
        """Return what a step wrote to one of the files; nothing if it took the file away."""
        path = self.folder / name
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def outputs(self) -> dict[str, str]:
        """Return the step's outputs."""
        return assignments(self.text("output"), "GITHUB_OUTPUT")

    def environment(self) -> dict[str, str]:
        """Return variables for the steps that follow."""
        found = assignments(self.text("env"), "GITHUB_ENV")
        for name in found:
            if FORBIDDEN.fullmatch(name):
                raise ActionFailure(f"GITHUB_ENV: {name} cannot be set")
        return found

    def path(self) -> list[str]:
        """Return folders for the front of PATH, the last one first."""
        return [line for line in self.text("path").splitlines() if line][::-1]

    def summary(self) -> str:
        """Return the step's summary, or nothing if it is too large."""
        text = self.text("summary")
        return text if len(text.encode()) <= LARGEST_SUMMARY else ""


def assignments(text: str, what: str) -> dict[str, str]:
    """Parse `name=value` lines and `name<<DELIMITER` blocks; a later one wins."""
    lines = iter(text.split("\n"))
    found: dict[str, str] = {}
    for raw in lines:
        line = raw.removesuffix("\r")
        if not line:
            continue
        equals, block = line.find("="), line.find("<<")
        if block > 0 and (equals < 0 or block < equals):
            found[line[:block]] = heredoc(lines, line[block + 2 :], what)
        elif equals > 0:
            found[line[:equals]] = line[equals + 1 :]
        else:
            raise ActionFailure(f"{what}: invalid format {line!r:.200}")
    return found


def heredoc(lines: Iterator[str], delimiter: str, what: str) -> str:
    """Return the lines up to the delimiter."""
    if not delimiter:
        raise ActionFailure(f"{what}: expected a delimiter after <<")
    found: list[str] = []
    for line in lines:
        if line.removesuffix("\r") == delimiter:
            return "\n".join(found)
        found.append(line)
    raise ActionFailure(f"{what}: matching delimiter not found {delimiter!r:.200}")


def runner_commands(output: str) -> list[str]:
    """Return the lines that GitHub's runner takes as commands to itself."""
    return [line for line in output.splitlines() if COMMAND.match(line)]
