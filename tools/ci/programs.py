"""The programs that every runner of GitHub has: gh and git."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import StageError
from pipeline.text import printable

LONGEST_SECONDS = 1800.0  # a store of some gigabytes on its way


@dataclass(frozen=True)
class Answer:
    """How a program ended and what it said."""

    code: int
    output: str
    errors: str


def ask(arguments: Sequence[str]) -> Answer:
    """Run a program and return its answer, whatever it is. Raises `StageError` when there is none."""
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StageError(f"{arguments[0]}: {error}") from error
    return Answer(done.returncode, done.stdout, done.stderr)


def told(*arguments: str) -> str:
    """Run a program that has to end well and return what it printed. Raises `StageError` with its words."""
    answer = ask(arguments)
    if answer.code != 0:
        raise failure(arguments, answer)
    return answer.output.strip()


def listed(*arguments: str, fields: str) -> list[dict[str, Any]]:
    """Run a list command of gh and return its objects with these fields, comma-separated. Raises `StageError`."""
    answer = told(*arguments, "--json", fields)
    try:
        return [{field: each[field] for field in fields.split(",")} for each in json.loads(answer)]
    except (ValueError, KeyError, TypeError) as error:
        command = " ".join(arguments[:3])
        raise StageError(f"{command}: expected JSON with {fields}, got {printable(answer, 200)!r}") from error


def failure(arguments: Sequence[str], answer: Answer) -> StageError:
    """Return the error of a program that ended badly."""
    said = printable(answer.errors.strip() or answer.output.strip(), 1000)
    return StageError(f"{' '.join(arguments[:3])}: exit status {answer.code}: {said}")
