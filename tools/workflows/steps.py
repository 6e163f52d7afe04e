"""Runs the steps of a job or of a composite action."""

from pathlib import Path
from shutil import which

from tools.workflows.actions import run_action
from tools.workflows.command_files import CommandFiles, runner_commands
from tools.workflows.environment import process_environment
from tools.workflows.errors import ActionFailure, EvaluationError, refuse
from tools.workflows.expressions import Scope, Value
from tools.workflows.model import Step
from tools.workflows.processes import run_limited
from tools.workflows.records import Result, StepResult
from tools.workflows.state import Frame, JobRun
from tools.workflows.step_reader import SHELLS
from tools.workflows.templates import Template, texts


def run_steps(state: JobRun, frame: Frame, steps: tuple[Step, ...]) -> None:
    """Run steps in order; the frame keeps what came out."""
    for step in steps:
        result = run_step(state, frame, step)
        frame.results.append(result)
        frame.steps[step.id] = {
            "outputs": dict[str, Value](result.outputs),
            "outcome": result.outcome,
            "conclusion": result.conclusion,
        }
        if result.conclusion == "failure" and frame.status == "success":
            frame.status = "failure"


def run_step(state: JobRun, frame: Frame, step: Step) -> StepResult:
    """Run one step if its condition holds; values that cannot be had fail the step."""
    name = step.id
    outputs: dict[str, str] = {}
    allowed = False
    try:
        scope, env = step_scope(state, frame, step)
        if not step.condition.holds(scope):
            return StepResult(step.id, name, "skipped", "skipped", {})
        name = step.name.text(scope) if step.name else (step.uses or step.id)
        allowed = flag(step.continue_on_error, scope)
        state.note(f"step {name}")
        outcome = run_command(state, step, scope, env, outputs) if step.run else use(state, frame, step, env, outputs)
    except (ActionFailure, EvaluationError) as error:
        state.note(f"failed: {error}")
        outcome = "failure"
    state.note(f"{outcome}")
    return StepResult(step.id, name, outcome, "success" if allowed and outcome == "failure" else outcome, outputs)


def step_scope(state: JobRun, frame: Frame, step: Step) -> tuple[Scope, dict[str, str]]:
    """Return what the step's expressions see and its declared variables."""
    lower = state.env
    env = {**lower, **texts(step.env, state.scope(frame, lower))}
    return state.scope(frame, env), env


def flag(template: Template | None, scope: Scope) -> bool:
    """Evaluate a boolean key that is false when it is not there."""
    value = template.value(scope) if template else False
    if template and not isinstance(value, bool):
        raise EvaluationError(f"{template.place}: expected true or false, got {value!r:.80}")
    return value is True


def minutes(template: Template | None, scope: Scope, default: float) -> float:
    """Evaluate a time limit."""
    value = template.value(scope) if template else default
    if template and (not isinstance(value, float) or not value > 0):
        raise EvaluationError(f"{template.place}: expected a number of minutes above 0, got {value!r:.80}")
    return value if isinstance(value, float) else default


def run_command(state: JobRun, step: Step, scope: Scope, env: dict[str, str], outputs: dict[str, str]) -> Result:
    """Run a `run:` text by its shell and read what it left."""
    if step.run is None:
        raise refuse(step.place, "expected run")
    number = sum(1 for _ in state.temp.glob("step-*"))
    files = CommandFiles(state.temp / f"step-{number}")
    variables = process_environment(state, scope, env) | files.create()
    shell = step.shell or state.job.defaults.shell or state.run.workflow.defaults.shell
    script = files.folder / "script"
    script.write_text(step.run.text(scope) + "\n", encoding="utf-8")
    start = state.log.stat().st_size
    limit = min(minutes(step.timeout_minutes, scope, 360.0) * 60, state.seconds_left())
    code, group = run_limited(
        [*shell_words(shell, variables["PATH"]), str(script)],
        variables,
        working_folder(state, step, scope),
        state.log,
        limit,
    )
    state.groups.append(group)
    state.commands.extend(runner_commands(state.log.read_bytes()[start:].decode("utf-8", "replace")))
    take(state, files, outputs)
    return outcome_of(state, code)


def shell_words(shell: str | None, path: str) -> tuple[str, ...]:
    """Return the words in front of the script; the shell has to be on the machine."""
    words = SHELLS[shell] if shell else ("bash", "-e")
    if which(words[0], path=path) is None:
        raise ActionFailure(f"shell: no {words[0]} on PATH")
    return words


def working_folder(state: JobRun, step: Step, scope: Scope) -> Path:
    """Return where the command starts; it has to be there."""
    chosen = step.folder or state.job.defaults.folder or state.run.workflow.defaults.folder
    folder = state.workspace / (chosen.text(scope) if chosen else "")
    if not folder.is_dir():
        raise ActionFailure(f"working-directory: no folder {folder.name!r:.80}")
    return folder


def take(state: JobRun, files: CommandFiles, outputs: dict[str, str]) -> None:
    """Keep what a step wrote to its files."""
    outputs.update(files.outputs())
    state.env.update(files.environment())
    state.path[:0] = files.path()
    state.summary += files.summary()


def outcome_of(state: JobRun, code: int | None) -> Result:
    """Return what an exit status means; at the job's own limit the job is cancelled."""
    if code == 0:
        return "success"
    if code is None and state.seconds_left() == 0:
        state.cancelled = True
        state.note("the job reached its time limit")
        return "cancelled"
    state.note(f"exit status {code}" if code is not None else "the step reached its time limit")
    return "failure"


def use(state: JobRun, frame: Frame, step: Step, env: dict[str, str], outputs: dict[str, str]) -> Result:
    """Run an action: this repository's own, or the stand-in of a known one."""
    from tools.workflows.composite import run_composite

    if step.uses is None:
        raise refuse(step.place, "expected uses")
    given = texts(step.given, state.scope(frame, env))
    if step.uses.startswith("./"):
        return run_composite(state, step, step.uses, given, env, outputs)
    outputs.update(run_action(state, step, given))
    return "success"
