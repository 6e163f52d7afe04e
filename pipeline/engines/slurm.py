"""Work in jobs of SLURM, through submitit: one job of an array a task, each in one child of the node it runs on.

The folder of jobs must be one that all nodes see, and this project must stand at the same path there. Needs the extra:
pip install 'arborist[slurm]'.
"""

import math
import shutil
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.engines.child import PRELOAD_SECONDS
from pipeline.engines.elsewhere import pack, perform, require_extra, unpack
from pipeline.engines.environment import for_programs
from pipeline.engines.records import Argument, Limits, Outcome, OutcomeStatus, Task, Value
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from submitit import AutoExecutor, Job

_LARGEST_ARRAY = 1000  # SLURM's MaxArraySize is 1001 where nobody raised it
_SERVER_BYTES = 2_000_000_000  # what the job itself and its warm server hold beside the child: torch, transformers
_STARTING_SECONDS = 60.0  # of Python on a node whose file system is slow
_ENDING_SECONDS = 10.0
_STATES: dict[str, OutcomeStatus] = {"OUT_OF_MEMORY": "out_of_memory", "TIMEOUT": "timeout"}


@dataclass(frozen=True)
class SlurmEngine:
    """Jobs of SLURM; `cluster` "local" runs the same jobs as processes of this machine, for tests.

    `folder` receives the jobs' files: what goes in and out while a job runs, and its log, which stays.
    """

    name: str = "slurm"
    cluster: Literal["slurm", "local"] = "slurm"
    folder: Path = Path("slurm_jobs")
    poll_seconds: float = 1.0

    def check(self) -> None:
        """Raise `UsageError` when submitit is not installed or this machine cannot submit jobs."""
        require_extra(self.name, "submitit")
        if self.cluster == "slurm" and shutil.which("srun") is None:
            raise UsageError("--engine slurm: expected the commands of SLURM, found no srun; start on a login node")

    def run(
        self,
        function: Callable[[Argument], Value],
        tasks: Iterable[Task[Argument]],
        *,
        workers: int,
        limits: Limits,
        preload: Sequence[str] = (),
    ) -> Generator[Outcome[Value], None, None]:
        """See `Engine.run`. A job lost with its node is "crashed", one that SLURM ended has SLURM's reason."""
        self.check()
        executor = self._executor(workers, limits)
        # Only SLURM itself keeps an array to so many jobs at a time.
        size = _LARGEST_ARRAY if self.cluster == "slurm" else workers
        waiting = iter(tasks)
        while batch := list(islice(waiting, size)):
            packed = [pack(function, task, limits, preload) for task in batch]
            with for_programs({}):
                jobs = executor.map_array(perform, packed)
            yield from self._finish(dict(zip(jobs, batch, strict=True)))

    def _executor(self, workers: int, limits: Limits) -> "AutoExecutor":
        from submitit import AutoExecutor

        seconds = _STARTING_SECONDS + PRELOAD_SECONDS + limits.seconds
        executor = AutoExecutor(self.folder, cluster=self.cluster)
        executor.update_parameters(
            name="arborist",
            timeout_min=math.ceil(seconds / 60),
            mem_gb=math.ceil((limits.memory_bytes + _SERVER_BYTES) / 2**30),
            cpus_per_task=1,
            gpus_per_node=limits.gpus or None,
            slurm_array_parallelism=workers,
        )
        return executor

    def _finish(self, running: dict["Job[bytes]", Task[Any]]) -> Generator[Outcome[Any], None, None]:
        """Yield the outcome of every job as it ends; what still runs when nobody asks any more is cancelled."""
        try:
            while running:
                ended = [job for job in running if job.done()]
                for job in ended:
                    yield _outcome(job, running.pop(job))
                if not ended:
                    time.sleep(self.poll_seconds)
        finally:
            self._cancel(list(running))

    def _cancel(self, jobs: list["Job[bytes]"]) -> None:
        for job in jobs:
            job.cancel(check=False)
        until = time.monotonic() + _ENDING_SECONDS
        while self.cluster == "local" and time.monotonic() < until and not all(job.done() for job in jobs):
            time.sleep(self.poll_seconds)


def _outcome(job: "Job[bytes]", task: Task[Any]) -> Outcome[Any]:
    """Return what became of a job: the outcome that it left, or how it was lost."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    try:
        outcome = unpack(job.result())
    except (FailedJobError, UncompletedJobError):
        state = job.state.partition(" ")[0]
        detail = f"job {job.job_id} was lost ({state}); its log: {job.paths.stderr.name}"
        outcome = Outcome(task.key, _STATES.get(state, "crashed"), None, detail, 0.0)
    for path in (job.paths.submitted_pickle, job.paths.result_pickle):
        path.unlink(missing_ok=True)
    return outcome
