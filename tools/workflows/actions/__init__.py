"""Local stand-ins of the actions that this project's workflows use."""

from tools.workflows.actions.artifacts import DOWNLOAD, UPLOAD
from tools.workflows.actions.call import Action, ActionCall
from tools.workflows.actions.checkout import CHECKOUT
from tools.workflows.actions.setup_python import SETUP_PYTHON
from tools.workflows.errors import refuse
from tools.workflows.model import Step
from tools.workflows.state import JobRun

ACTIONS: tuple[Action, ...] = (CHECKOUT, SETUP_PYTHON, UPLOAD, DOWNLOAD)


def known_action(step: Step) -> Action:
    """Return the stand-in of a step's action; refuse any other, and inputs it does not know."""
    name, _, version = (step.uses or "").partition("@")
    found = [action for action in ACTIONS if action.name == name]
    if not found or not version:
        names = ", ".join(action.name for action in ACTIONS)
        raise refuse(step.place, f"uses: no stand-in for {step.uses!r}, expected one of {names}, with @VERSION")
    if version in found[0].refused:
        raise refuse(step.place, f"uses: no stand-in for {step.uses!r}: GitHub refuses it, or it behaves otherwise")
    unknown = sorted(set(step.given) - set(found[0].inputs))
    if unknown:
        raise refuse(step.place, f"{name}: unknown inputs {', '.join(unknown)}, expected {', '.join(found[0].inputs)}")
    return found[0]


def run_action(state: JobRun, step: Step, given: dict[str, str]) -> dict[str, str]:
    """Run a stand-in and return its outputs."""
    action = known_action(step)
    return action.run(ActionCall(state, action.name, {**action.inputs, **given}))
