"""Files through which a step speaks to GitHub's runner.

Source: docs.github.com, "Workflow commands for GitHub Actions": a value of several lines stands between two
delimiters, which must not be a line of it.
"""

import os
import secrets
from pathlib import Path

from pipeline.errors import UsageError


def write_output(name: str, value: str) -> None:
    """Set an output of the step. Raises `UsageError` outside a workflow."""
    delimiter = f"end-{secrets.token_hex(16)}"
    _append("GITHUB_OUTPUT", f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def write_summary(markdown: str) -> None:
    """Add to the summary of the job. Raises `UsageError` outside a workflow."""
    _append("GITHUB_STEP_SUMMARY", markdown.rstrip("\n") + "\n\n")


def _append(variable: str, text: str) -> None:
    path = os.environ.get(variable, "")
    if not path:
        raise UsageError(f"{variable}: expected the path of a file; this command is a step of a workflow")
    with Path(path).open("a", encoding="utf-8") as stream:
        stream.write(text)
