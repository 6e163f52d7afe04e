"""peter-evans/create-pull-request: a branch pushed to the repository, and the request written down."""

import subprocess

from tools.workflows.actions.call import Action, ActionCall
from tools.workflows.actions.checkout import git, is_git
from tools.workflows.errors import ActionFailure
from tools.workflows.records import Recorded

AUTHOR = ("-c", "user.name=github-actions[bot]", "-c", "user.email=github-actions@example.invalid")


def create_pull_request(call: ActionCall) -> dict[str, str]:
    """Commit the workspace's changes to a branch and push it; nothing if no byte changed."""
    permissions = call.state.permissions
    if permissions is not None and {permissions.get("contents"), permissions.get("pull-requests")} != {"write"}:
        raise ActionFailure(f"{call.name}: expected contents: write and pull-requests: write")
    workspace, repository = str(call.path(call.inputs["path"])), call.state.run.repository
    if not is_git(repository) or not is_git(call.path(call.inputs["path"])):
        raise ActionFailure(f"{call.name}: expected a checkout of a git repository")
    git(call, "-C", workspace, "add", "--all", "--", *(call.lines("add-paths") or ["."]))
    if not git(call, "-C", workspace, "diff", "--cached", "--name-only"):
        return {"pull-request-operation": "none"}
    git(call, "-C", workspace, "checkout", "--quiet", "-B", call.inputs["branch"])
    git(call, "-C", workspace, *AUTHOR, "commit", "--quiet", "--message", call.inputs["commit-message"])
    operation = "updated" if has_branch(call) else "created"
    git(call, "-C", workspace, "push", "--quiet", "--force", repository.as_uri(), call.inputs["branch"])
    given = {name: text for name, text in call.inputs.items() if text}
    call.state.run.recorded.append(Recorded(call.state.job.id, call.name, given))
    return {"pull-request-operation": operation, "pull-request-branch": call.inputs["branch"]}


def has_branch(call: ActionCall) -> bool:
    """Tell whether the repository has the request's branch already."""
    repository = str(call.state.run.repository)
    ref = f"refs/heads/{call.inputs['branch']}"
    asked = subprocess.run(["git", "-C", repository, "show-ref", "--quiet", "--verify", ref], check=False)  # noqa: S607
    return asked.returncode == 0


PULL_REQUEST = Action(
    "peter-evans/create-pull-request",
    {
        "token": "",
        "path": "",
        "add-paths": "",
        "branch": "create-pull-request/patch",
        "base": "",
        "title": "Changes by create-pull-request action",
        "body": "",
        "commit-message": "[create-pull-request] automated change",
        "labels": "",
        "delete-branch": "false",
        "sign-commits": "false",
        "draft": "false",
    },
    create_pull_request,
)
