"""How a run is cut into jobs: extraction by tasks, pruning by experiments."""

import json

from pipeline.errors import UsageError
from pipeline.settings import Settings
from pruning.devices import gpus_of
from pruning.experiments.plan import Plan
from pruning.experiments.shards import MOST_SHARDS, cut, matrix, safe_name
from pruning.experiments.specification import Experiment
from tools.ci.request import JOB_MINUTES, UPLOAD_MINUTES, Request

HOSTED = "ubuntu-24.04"
GPU_LABELS = ("self-hosted", "gpu")
# A variable holds at most 128 kB and a job's outputs 1 MiB of UTF-16: a key has 32 characters and a comma.
MOST_A_JOB = 3_000
MOST_A_RUN = 10_000


def runner(request: Request) -> str:
    """Return the labels of the machines that prune, as JSON."""
    return json.dumps(list(GPU_LABELS) if request.gpu_runner else HOSTED)


def check_gpu(request: Request, settings: Settings) -> None:
    """Raise `UsageError` for a GPU on machines of GitHub, which have none."""
    if gpus_of(settings) and not request.gpu_runner:
        raise UsageError(
            f"ARBORIST_DEVICE: expected auto or cpu on {HOSTED}, got {settings.device!r}; machines of your own "
            "prune where ARBORIST_GPU_RUNNER is true"
        )


def check_time(request: Request, settings: Settings) -> None:
    """Raise `UsageError` when the experiment that begins last could outlast its job, which keeps nothing then."""
    minutes = JOB_MINUTES - UPLOAD_MINUTES - request.prune_minutes
    if "prune" in request.planned_stages and settings.experiment_seconds > 60 * minutes:
        raise UsageError(
            f"ARBORIST_EXPERIMENT_SECONDS: expected at most {60 * minutes:g} with ARBORIST_PRUNE_MINUTES "
            f"{request.prune_minutes:g}, since jobs end after {JOB_MINUTES} minutes, got "
            f"{settings.experiment_seconds:g}; lower one of the two"
        )


def extract_matrix(settings: Settings) -> str:
    """Return the matrix of extraction as JSON: a job a task, where tasks are named and counted one by one.

    Sources that list the same models whatever the task, all tasks of the Hub and a limit over all tasks are one job.
    """
    tasks = [task for task in dict.fromkeys(settings.tasks) if task not in settings.skip_tasks]
    if settings.source != "hub" or "all" in tasks or settings.max_models or not tasks:
        return json.dumps({"include": [{"name": "all", "tasks": ",".join(settings.tasks)}]})
    shards = [tasks[start::MOST_SHARDS] for start in range(min(MOST_SHARDS, len(tasks)))]
    return json.dumps({"include": [_shard(number, names) for number, names in enumerate(shards, 1)]})


def prune_matrix(plan: Plan, jobs: int) -> str:
    """Return the matrix of pruning as JSON: what comes first in the plan, as much as a run's matrix can name.

    Without `out_of_reach`: a model's texts, which its tokenizer gives, are part of the keys that a job is given.
    """
    todo = [experiment for experiment in plan.todo if not _is_out_of_reach(experiment)][:MOST_A_RUN]
    while jobs < MOST_SHARDS and max(map(len, cut(todo, jobs)), default=0) > MOST_A_JOB:
        jobs = min(2 * jobs, MOST_SHARDS)
    return matrix(todo, jobs)


def out_of_reach(plan: Plan) -> list[str]:
    """Return the models of the Hub whose config and tokenizer did not come: the next run asks again."""
    return sorted({each.specification.model_id for each in plan.todo if _is_out_of_reach(each)})


def _is_out_of_reach(experiment: Experiment) -> bool:
    return experiment.specification.source == "hub" and experiment.folder is None


def _shard(number: int, tasks: list[str]) -> dict[str, str]:
    return {"name": f"{number:03d}-{safe_name(tasks[0])}", "tasks": ",".join(tasks)}
