"""Actions that work outside this machine: they are only written down (`WorkflowResult.recorded`)."""

from tools.workflows.actions.call import Action, ActionCall
from tools.workflows.records import Recorded


def record(call: ActionCall) -> dict[str, str]:
    """Write down what was asked for, without what was left at its default."""
    given = {name: text for name, text in call.inputs.items() if text}
    call.state.run.recorded.append(Recorded(call.state.job.id, call.name, given))
    return {}


def recorded(name: str, *inputs: str) -> Action:
    """Return an action with these inputs."""
    return Action(name, dict.fromkeys(inputs, ""), record)


RECORDED: tuple[Action, ...] = (
    recorded("docker/setup-buildx-action", "driver", "version"),
    recorded("docker/login-action", "registry", "username", "password"),
    recorded(
        "docker/build-push-action",
        "context",
        "file",
        "push",
        "load",
        "tags",
        "labels",
        "cache-from",
        "cache-to",
        "target",
    ),
)
