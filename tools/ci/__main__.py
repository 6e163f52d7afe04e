"""Commands of the workflows; what they are asked comes from the environment and is checked here."""

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from pipeline.cli import new_app, with_settings
from pipeline.errors import UsageError
from pipeline.progress import Progress
from pipeline.settings import Settings
from pipeline.stages import StageName, StagePlan, deadline_of, tell_plan
from pipeline.text import count_of

if TYPE_CHECKING:
    from run_pipeline import Stage

app = new_app("Steps of the workflows in .github/workflows/.")

MATRIX_FILE = "matrix.json"  # beside the store: which experiments each job of the matrix was given


@app.command()
@with_settings("store")
def restore(
    settings: Settings,
    progress: Progress,
    workflow: Annotated[str, typer.Option("--workflow", help="workflow whose runs leave stores")] = "pipeline.yml",
) -> None:
    """Bring the store of the last good run, or begin with an empty one."""
    from tools.ci.command_files import given
    from tools.ci.restoring import restore as restore_store

    run_id = restore_store(settings.store, workflow, given("GITHUB_REF_NAME"), progress)
    told = f"store of run {run_id}" if run_id else "no earlier run left a store: begins with an empty one"
    progress.result(told, run=run_id)


@app.command()
@with_settings(*Settings.model_fields)
def plan(settings: Settings, progress: Progress) -> None:
    """Check all settings before anything starts, say what will run, write the jobs of extraction and the runner."""
    from pruning.analyses.plan import configured_steps
    from store import Store
    from tools.ci.command_files import write_output, write_summary
    from tools.ci.planning import check_gpu, check_time, extract_matrix, runner
    from tools.ci.request import read_request
    from tools.ci.summary import table

    request = read_request()
    check_gpu(request, settings)
    check_time(request, settings)
    modules = _stage_modules()
    for name in request.planned_stages:
        modules[name].check(settings)
    write_output("stages", json.dumps(request.stages))
    write_output("extract", extract_matrix(settings))
    write_output("runner", runner(request))
    write_output("publish", request.publish)
    write_output("analyses", "true" if configured_steps(settings) else "false")
    write_output("extract_minutes", f"{request.extract_minutes:g}")
    write_output("prune_minutes", f"{request.prune_minutes:g}")
    with Store.open(settings.store, create=False) as store:
        plans: list[StagePlan] = [modules[name].plan(store, settings) for name in request.planned_stages]
    for each in plans:
        tell_plan(each, progress)
    steps = [(each.stage, step) for each in plans for step in each.steps or ("nothing",)]
    title = "What would run" if request.dry_run else "What runs, as far as it is known now"
    write_summary(f"## {title}\n\n{table(('Stage', 'Step'), steps)}")


@app.command()
@with_settings("store")
def gather(
    settings: Settings,
    progress: Progress,
    folder: Annotated[Path, typer.Argument(help="folder of the parts, at any depth")],
) -> None:
    """Merge every store below a folder into the store; one that cannot be read is told and left out."""
    from store import Store
    from tools.ci.gathering import gather as gather_into

    with Store.open(settings.store) as store:
        unreadable = gather_into(store, folder, progress)
    if unreadable:
        progress.note(f"{count_of(unreadable, 'part')} left out")


@app.command()
@with_settings(*Settings.model_fields)
def matrix(settings: Settings, progress: Progress) -> None:
    """Write the jobs of the prune matrix: as outputs of the step, and beside the store."""
    from pruning.experiments.plan import make_plan
    from store import Store
    from tools.ci.command_files import write_output
    from tools.ci.planning import out_of_reach, prune_matrix
    from tools.ci.request import read_request

    request = read_request()
    with Store.open(settings.store, create=False) as store:
        made = make_plan(store, settings)
    if waiting := out_of_reach(made):
        progress.error(f"left to the next run, config and tokenizer did not come: {', '.join(waiting)}")
    text = prune_matrix(made, request.prune_jobs)
    planned = json.loads(text)["include"]
    jobs, experiments = len(planned), sum(each["experiments"] for each in planned)
    settings.store.with_name(MATRIX_FILE).write_text(text + "\n", encoding="utf-8")
    write_output("matrix", text)
    write_output("jobs", str(jobs))
    progress.result(f"{count_of(experiments, 'experiment')} in {count_of(jobs, 'job')}", jobs=jobs)


@app.command()
@with_settings(*Settings.model_fields)
def redundancy(settings: Settings, progress: Progress) -> None:
    """Do the redundancy analyses that are not done yet, and no experiments: those have jobs of their own."""
    from pruning.analyses.plan import make_analysis_plan
    from pruning.analyses.proxies import update_proxies
    from pruning.analyses.slices import run_slices
    from pruning.devices import check_machine
    from store import Store

    check_machine(settings)
    with Store.open(settings.store, create=False) as store:
        todo = make_analysis_plan(store, settings)
        with store.run("prune", settings.model_dump()) as handle:
            ended = run_slices(store, handle, todo, settings, progress, deadline_of(settings))
            update_proxies(store, handle.run_id)
    told = ", ".join(f"{number:,} {how}" for how, number in sorted(ended.items())) or "nothing to measure"
    progress.result(f"analyses: {told}", **ended)


@app.command()
@with_settings("store", "output_dir")
def summary(
    settings: Settings,
    progress: Progress,
    results: Annotated[str, typer.Option("--results", envvar="RESULTS", help="words such as extract=success")] = "",
    output: Annotated[Path, typer.Option("--output", help="file to write, too")] = Path("summary.md"),
) -> None:
    """Write what the run came to into the job's summary and a file."""
    from store import Store
    from tools.ci.command_files import write_summary
    from tools.ci.summary import summary as summary_of

    with Store.open(settings.store, create=False) as store:
        text = summary_of(store, results, settings.store.with_name(MATRIX_FILE), settings.output_dir)
    output.write_text(text, encoding="utf-8")
    write_summary(text)
    progress.result(text)


@app.command()
@with_settings("output_dir")
def publish(
    settings: Settings,
    progress: Progress,
    incoming: Annotated[Path, typer.Argument(help="folder with the report's folder and summary.md")],
) -> None:
    """Propose or commit the report in the checkout that this runs in; nothing when no byte changed."""
    from tools.ci.command_files import given, write_output, write_summary
    from tools.ci.publishing import Remote
    from tools.ci.publishing import publish as publish_report
    from tools.ci.request import read_request

    to = read_request().publish
    if to == "none":
        raise UsageError("ARBORIST_PUBLISH: expected pull-request or commit to publish, got none")
    remote = Remote(f"{given('GITHUB_SERVER_URL')}/{given('GITHUB_REPOSITORY')}", given("GITHUB_REF_NAME"))
    done = publish_report(incoming, settings.output_dir, remote, to)
    told = f"{count_of(done.files, 'file')} changed, pushed to {done.branch}" if done.branch else "nothing changed"
    write_output("branch", done.branch)
    write_summary(f"Report: {told}")
    progress.result(told, branch=done.branch, files=done.files)


def _stage_modules() -> "dict[StageName, Stage]":
    from run_pipeline import STAGE_MODULES

    return {name: cast("Stage", import_module(path)) for name, path in STAGE_MODULES.items()}


if __name__ == "__main__":
    app()
