"""The one issue that the watch keeps: opened, brought up to date, closed."""

from collections.abc import Sequence
from typing import Literal

from tools.ci.programs import listed, told

TITLE = "The published report needs a look"
WHAT_TO_DO = (
    'docs/OPERATIONS.md, "When a run fails", says what to do. This issue is kept by the workflow Watch: it is brought '
    "up to date every day and closed when all is well."
)

Change = Literal["opened", "updated", "closed", "left as it is"]


def body_of(findings: Sequence[str]) -> str:
    """Return the text of the issue; the sentences are this project's own, with numbers and times in them."""
    return "\n".join([*(f"- {sentence}" for sentence in findings), "", WHAT_TO_DO, ""])


def keep_issue(findings: Sequence[str]) -> Change:
    """Make the issue say what was found and nothing else. Raises `StageError` when gh cannot."""
    body = body_of(findings)
    number, text = open_issue()
    if not number:
        return "left as it is" if not findings else _opened(body)
    if not findings:
        told("gh", "issue", "close", number, "--comment", "All is well again.")
        return "closed"
    if text.replace("\r\n", "\n").strip() == body.strip():
        return "left as it is"
    told("gh", "issue", "edit", number, "--body", body)
    return "updated"


def open_issue() -> tuple[str, str]:
    """Return number and text of the open issue, "" and "" for none; one that a person wrote is none of ours."""
    words = ("gh", "issue", "list", "--state", "open", "--app", "github-actions", "--limit", "200")
    ours = [issue for issue in listed(*words, fields="number,title,body") if issue["title"] == TITLE]
    return (str(int(ours[0]["number"])), str(ours[0]["body"])) if ours else ("", "")


def _opened(body: str) -> Change:
    told("gh", "issue", "create", "--title", TITLE, "--body", body)
    return "opened"
