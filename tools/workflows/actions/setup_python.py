"""actions/setup-python: the machine's one interpreter in front of PATH, whatever version was asked for."""

from tools.workflows.actions.call import Action, ActionCall


def setup_python(call: ActionCall) -> dict[str, str]:
    """Put the interpreter's folder in front; the version that was asked for is recorded in the log."""
    python = call.state.run.machine.python
    call.state.path.insert(0, str(python.parent))
    call.state.env["pythonLocation"] = str(python.parent.parent)
    call.state.note(f"asked for Python {call.inputs['python-version']!r}, running {python.name} of this machine")
    return {"python-version": call.inputs["python-version"], "python-path": str(python), "cache-hit": "false"}


SETUP_PYTHON = Action(
    "actions/setup-python",
    {
        "python-version": "",
        "python-version-file": "",
        "cache": "",
        "cache-dependency-path": "",
        "architecture": "",
        "check-latest": "false",
    },
    setup_python,
)
