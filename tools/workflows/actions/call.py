"""What a stand-in of an action is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.workflows.errors import ActionFailure
from tools.workflows.state import JobRun


@dataclass(frozen=True)
class ActionCall:
    """A job on its way and the action's inputs, defaults filled in."""

    state: JobRun
    name: str
    inputs: dict[str, str]

    def flag(self, name: str) -> bool:
        """Return a boolean input."""
        if self.inputs[name].lower() not in {"true", "false"}:
            raise ActionFailure(f"{self.name}: {name}: expected true or false, got {self.inputs[name]!r:.80}")
        return self.inputs[name].lower() == "true"

    def whole(self, name: str, low: int, high: int) -> int:
        """Return a whole number in a range."""
        text = self.inputs[name]
        if not text.isascii() or not text.isdecimal() or not low <= int(text[:9]) <= high:
            raise ActionFailure(f"{self.name}: {name}: expected {low} to {high}, got {text!r:.80}")
        return int(text)

    def lines(self, name: str) -> list[str]:
        """Return the lines of an input that are not empty."""
        return [line.strip() for line in self.inputs[name].splitlines() if line.strip()]

    def path(self, text: str) -> Path:
        """Return a path of the job: relative to the workspace, `~` its home; never outside the job's folder."""
        home = text.replace("~", str(self.state.home), 1) if text.startswith("~") else text
        path = (self.state.workspace / home).resolve()
        if not path.is_relative_to(self.state.folder.resolve()):
            raise ActionFailure(f"{self.name}: {text!r:.80} is outside the job's folder")
        return path


@dataclass(frozen=True)
class Action:
    """A stand-in: its name, its inputs with their defaults, what it does, and versions that it is none of."""

    name: str
    inputs: dict[str, str]
    run: Callable[[ActionCall], dict[str, str]]
    refused: frozenset[str] = frozenset()
