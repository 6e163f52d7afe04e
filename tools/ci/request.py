"""What a run of the workflow is asked beside the project's settings: variables ARBORIST_*, empty ones not set."""

from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import UsageError
from pipeline.settings import ENVIRONMENT_PREFIX
from pipeline.stages import StageName
from pruning.experiments.shards import MOST_SHARDS

JOB_MINUTES = 345  # after which GitHub ends a job of pipeline.yml
UPLOAD_MINUTES = 15  # for what comes before the work, and for keeping it
LONGEST_MINUTES = 320  # what is left is for what is under way then
STAGES: tuple[StageName, ...] = ("extract", "process", "prune", "analyze")


class Request(BaseSettings):
    """A field's description is its meaning; docs/OPERATIONS.md lists them."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=False
    )

    stage: Literal["all", "extract", "process", "prune", "analyze"] = Field("all", description="which stages run")
    dry_run: bool = Field(False, description="say what would run, and run nothing")
    gpu_runner: bool = Field(False, description="prune on runners labelled self-hosted and gpu")
    prune_jobs: int = Field(8, ge=1, le=MOST_SHARDS, description="most jobs that prune side by side")
    publish: Literal["pull-request", "commit", "none"] = Field(
        "pull-request", description="where a changed report goes: pull-request|commit|none"
    )
    extract_minutes: float = Field(
        300,
        gt=0,
        le=LONGEST_MINUTES,
        description=f"minutes after which jobs that extract begin nothing new, at most {LONGEST_MINUTES}",
    )
    prune_minutes: float = Field(
        300,
        gt=0,
        le=LONGEST_MINUTES,
        description=f"minutes after which jobs that prune or measure begin nothing new, at most {LONGEST_MINUTES}",
    )

    @property
    def stages(self) -> tuple[StageName, ...]:
        """Return the stages to run, none of them in a dry run."""
        return () if self.dry_run else self.planned_stages

    @property
    def planned_stages(self) -> tuple[StageName, ...]:
        """Return the stages that were asked for."""
        return tuple(name for name in STAGES if self.stage in ("all", name))


def read_request() -> Request:
    """Return what the environment asks for. Raises `UsageError` that names the variable and what was expected."""
    try:
        return Request()  # pyright: ignore[reportCallIssue]  # every field has a default
    except ValidationError as error:
        raise UsageError("\n".join(_explain(problem["loc"], problem["input"]) for problem in error.errors())) from error


def _explain(location: tuple[int | str, ...], given: object) -> str:
    name = str(location[0])
    field = Request.model_fields[name.lower().removeprefix(ENVIRONMENT_PREFIX.lower())]
    variable = ENVIRONMENT_PREFIX + name.upper().removeprefix(ENVIRONMENT_PREFIX)
    return f"{variable}: expected {field.description}; got {str(given)[:200]!r}"
