"""Variables through which GitHub's runner speaks to a step, and files through which the step answers.

Source: docs.github.com, "Workflow commands for GitHub Actions": a value of several lines stands between two
delimiters, which must not be a line of it.
"""

import os
import secrets
from pathlib import Path

from pipeline.errors import UsageError


def given(name: str) -> str:
    """Return a variable that GitHub's runner sets. Raises `UsageError` outside a workflow."""
    value = os.environ.get(name, "")
    if not value:
        raise UsageError(f"{name}: expected a value; this command is a step of a workflow")
    return value


def write_output(name: str, value: str) -> None:
    """Set an output of the step. Raises `UsageError` outside a workflow."""
    delimiter = f"end-{secrets.token_hex(16)}"
    _append("GITHUB_OUTPUT", f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def write_summary(markdown: str) -> None:
    """Add to the summary of the job. Raises `UsageError` outside a workflow."""
    _append("GITHUB_STEP_SUMMARY", markdown.rstrip("\n") + "\n\n")


def _append(variable: str, text: str) -> None:
    with Path(given(variable)).open("a", encoding="utf-8") as stream:
        stream.write(text)
