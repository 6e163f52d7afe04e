"""Settings: `pipeline.toml`, overridden by ARBORIST_* variables, overridden by flags.

Defaults stand in `pipeline.toml` alone; this module gives each setting its type, its range and its meaning.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import InitSettingsSource

from pipeline.errors import UsageError, unknown_name

ROOT = Path(__file__).resolve().parent.parent
DEFAULTS_FILE = ROOT / "pipeline.toml"
ENVIRONMENT_PREFIX = "ARBORIST_"

# Variables of the earlier miner, and what they set here. Its output folder becomes that of the store.
EARLIER_VARIABLES = {
    "MODEL_EXTRACT_OUTPUT_DIR": "store",
    "MODEL_EXTRACT_SLEEP_TIME": "hub_pause",
    "MODEL_EXTRACT_MIN_MODELS": "min_models",
    "MODEL_EXTRACT_COMPLETED_TASKS": "skip_tasks",
}
_RANGE = r"^(min:\d+(\.\d+)?[KMBT]?)?(,?max:\d+(\.\d+)?[KMBT]?)?$"
_MULTIPLES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}


def parse_quantity(value: Any) -> Any:
    """Turn "200M" or "1.5G" into an integer; anything that is not such a text passes through to be judged by type."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d{1,18}(?:\.\d+)?)\s*([KMGBT]?)\s*", value.upper())
    if match is None:
        raise ValueError("no number such as 200M, 1.5G or 4000")
    return int(float(match[1]) * _MULTIPLES[match[2]])


def check_day(text: str) -> str:
    """Return a day as it is, or an empty text; anything else raises."""
    if text and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError("no day such as 2026-11-21")
    return date.fromisoformat(text).isoformat() if text else text


def parse_list(value: Any) -> Any:
    """Turn "a,b" into ["a", "b"]; a list passes through."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Quantity = Annotated[int, BeforeValidator(parse_quantity), Field(gt=0)]
Names = Annotated[tuple[str, ...], BeforeValidator(parse_list), Field(min_length=1)]
NamesOrNone = Annotated[tuple[str, ...], BeforeValidator(parse_list)]
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Keys = Annotated[tuple[Key, ...], BeforeValidator(parse_list)]
# Eleven days: the system can wait for no more than 24.
Seconds = Annotated[float, Field(gt=0, le=1_000_000)]
# What is drawn for a plan or an analysis is held in memory.
Windows = Annotated[int, Field(gt=0, le=100_000)]
Similarity = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Ratio = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Ratios = Annotated[tuple[Ratio, ...], BeforeValidator(parse_list), Field(min_length=1)]
SourceChoice = Literal["auto", "hub", "builtin", "reference", "directory"]


class Settings(BaseSettings):
    """Every setting of the project; a field's description is its help text, with its unit."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    store: Path = Field(description="path of the DuckDB store")
    output_dir: Path = Field(description="folder that receives the report")
    source: SourceChoice = Field(description="where models are listed: auto|hub|builtin|reference|directory")
    directory: str = Field(description="folder of checkpoints or config.json files, for --source directory")
    offline: bool = Field(description="never ask the Hub")
    engine: Literal["local", "ray", "slurm"] = Field(description="what runs the work: local|ray|slurm")
    workers: int = Field(ge=0, le=512, description="child processes; 0 = one a core, one alone to prune on a GPU")
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = Field(
        description="where pruning computes: auto|cpu|cuda|cuda:i"
    )
    seed: int = Field(ge=0, le=2_000_000_000, description="seed of everything random")
    max_minutes: float = Field(
        ge=0,
        allow_inf_nan=False,
        description="no new model, experiment or analysis of a stage begins later, minutes; the next run goes on; "
        "0 = no limit",
    )
    retry_failed: bool = Field(description="try again what failed before: models without structure, experiments")

    tasks: Names = Field(description="Hub tasks, comma-separated; all = every task of the Hub")
    skip_tasks: NamesOrNone = Field(description="Hub tasks to leave out, comma-separated")
    limit: int = Field(gt=0, description="models a task of the Hub")
    max_models: int = Field(ge=0, description="models of the Hub in all; 0 = no limit")
    min_models: int = Field(ge=0, description="leave out a task with fewer models; 0 = none")
    library: str = Field(description="library of the models, such as transformers")
    author: str = Field(description="owner of the models")
    search: str = Field(description="text that the model ids contain")
    license: str = Field(description="licence identifier such as apache-2.0")
    parameters: Annotated[str, Field(pattern=_RANGE)] = Field(description="range of parameters, such as min:1B,max:8B")
    min_downloads: int = Field(ge=0, description="downloads in the last 30 days, at least")
    min_likes: int = Field(ge=0, description="likes, at least")
    since: Annotated[str, AfterValidator(check_day)] = Field(
        description="last modified on this day (YYYY-MM-DD, UTC) or later"
    )
    sort: Literal["auto", "downloads", "likes", "created", "modified"] = Field(
        description="order of a listing: auto|downloads|likes|created|modified; auto = downloads, created if long"
    )
    views: Literal["auto", "config", "header", "both"] = Field(
        description="what is read of a model: auto (config, else tensor header)|config|header|both, compared"
    )
    shapes: bool = Field(description="record input and output shapes of modules")
    fresh: bool = Field(description="list and read everything anew")
    model_seconds: Seconds = Field(description="time limit to build one model, seconds")
    model_memory: Quantity = Field(description="memory that building one model may add, bytes (1200M, 2G)")
    max_modules: int = Field(gt=0, description="a config that would build more modules is refused")
    hub_seconds: Seconds = Field(description="time limit of one request to the Hub, seconds")
    hub_wait: float = Field(ge=0, le=3600, description="longest wait for a rate limit of the Hub, seconds")
    hub_pause: float = Field(ge=0, le=60, description="pause before each request to the Hub, seconds")
    hub_threads: int = Field(gt=0, le=256, description="requests to the Hub at a time")

    dedup_strategy: Literal["name", "architecture", "both"] = Field(description="families by name|architecture|both")
    level: Literal["exact", "layout", "plan", "similar"] = Field(
        description="what makes two structures one architecture: exact (sizes too)|layout (any width)|plan (any depth)|"
        "similar (plans at or above the threshold)"
    )
    similarity: Literal["jaccard", "sequence"] = Field(
        description="how similarity is measured: jaccard (weighted, of tokens)|sequence (the earlier miner's)"
    )
    similarity_threshold: Similarity = Field(description="similarity that joins two structures, fraction in (0, 1]")
    objective: Literal["k-medoids", "k-centre"] = Field(
        description="what representatives minimise: k-medoids (mean distance by downloads)|k-centre (greatest distance)"
    )
    licenses: NamesOrNone = Field(description="licences a representative may have, comma-separated; none = any")

    methods: Names = Field(description="pruning methods, comma-separated")
    ratios: Ratios = Field(
        description="shares of a method's own units (weights, neurons, layers) to remove, comma-separated "
        "fractions in (0, 1)"
    )
    seeds: int = Field(gt=0, le=1000, description="draws of what is random and of the calibration text")
    max_params: Quantity = Field(description="larger models are not pruned, parameters (200M, 1.5B)")
    evaluation_windows: Windows = Field(description="held-out windows behind every perplexity")
    calibration_windows: Windows = Field(description="windows that calibrated methods see")
    window_tokens: int = Field(gt=1, le=1_000_000, description="longest window, tokens")
    latency_repeats: int = Field(gt=0, description="timed forward passes behind a median")
    analyses: NamesOrNone = Field(
        description="configurations of redundancy analyses (names, or TOML or YAML files), comma-separated; none = none"
    )
    damage_windows: Windows = Field(description="held-out windows behind each damage of an analysis")
    only: Keys = Field(description="keys of experiments to do and no others, comma-separated; none = all")
    experiment_seconds: Seconds = Field(description="time limit of one experiment, seconds")
    experiment_memory: Quantity = Field(description="memory that one experiment may add, bytes (4G)")

    append_timestamp: bool = Field(
        description="keep versions of the report side by side, each in OUTPUT_DIR/TIME_OF_ITS_NEWEST_RUN, with an index"
    )
    notebook: bool = Field(description="write exports/arborist.ipynb, a notebook over the store, too")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take flags first, then the environment (lists written with commas, not JSON), then the files."""
        arguments = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        file_values = arguments.get("file_values", {})
        flags = {name: value for name, value in arguments.items() if name != "file_values"}
        environment, earlier = _PlainEnvironment(settings_cls), InitSettingsSource(settings_cls, _earlier_names())
        files = InitSettingsSource(settings_cls, file_values)
        return InitSettingsSource(settings_cls, flags), environment, earlier, files

    @property
    def worker_count(self) -> int:
        """Return the number of child processes: as set, or one for each core this process may use."""
        return self.workers or len(os.sched_getaffinity(0))


class _PlainEnvironment(EnvSettingsSource):
    """Environment values as plain text: the field's own parser reads lists."""

    def prepare_field_value(self, field_name: str, field: FieldInfo, value: Any, value_is_complex: bool) -> Any:
        return value


def _earlier_names() -> dict[str, str]:
    """Return settings given by the variables of the earlier miner (METHODS 1), which keep working."""
    given = {setting: os.environ[name] for name, setting in EARLIER_VARIABLES.items() if os.environ.get(name)}
    if "store" in given:
        given["store"] = str(Path(given["store"]) / "arborist.duckdb")
    return given


@cache
def default_groups() -> dict[str, dict[str, Any]]:
    """Return the tables of `pipeline.toml`: common, and one a stage."""
    return tomllib.loads(DEFAULTS_FILE.read_text(encoding="utf-8"))


@cache
def default_values() -> dict[str, Any]:
    """Return the values of `pipeline.toml` by setting."""
    return {name: value for group in default_groups().values() for name, value in group.items()}


@cache
def group_of(name: str) -> str:
    """Return the table of `pipeline.toml` in which a setting stands."""
    return next(group for group, values in default_groups().items() if name in values)


def load_settings(flags: Mapping[str, Any] | None = None, config_file: Path | None = None) -> Settings:
    """Return the settings from files, environment and flags.

    `flags` maps setting names to given values; None means not given. Raises `UsageError` that names the flag, what was
    expected and what was given.
    """
    values = dict(default_values())
    if config_file is not None:
        values.update(_read_config_file(config_file))
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        return Settings(file_values=values, **given)  # pyright: ignore[reportCallIssue]  # consumed by the sources above
    except ValidationError as error:
        raise UsageError("\n".join(_explain(problem) for problem in error.errors())) from error


def flag(name: str) -> str:
    """Return the command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def _read_config_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config: expected a readable TOML file, got {str(path)!r} ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config: {str(path)!r} is no valid TOML: {error}") from error
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    for name in flat:
        if name not in Settings.model_fields:
            raise unknown_name(f"setting in {path}", name, Settings.model_fields)
    return flat


def _explain(problem: Any) -> str:
    """Return one sentence for one pydantic problem: flag, expected, given, near matches."""
    name = str(problem["loc"][0])
    given = problem.get("input")
    shown = ", ".join(map(str, given)) if isinstance(given, list | tuple) else given
    choices = _choices(name)
    if choices:
        return f"{flag(name)}: {unknown_name('value', str(shown), choices)}"
    field = Settings.model_fields[name]
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{flag(name)}: expected {field.description}; got {shown!r} ({reason})"


def _choices(name: str) -> tuple[str, ...]:
    annotation = Settings.model_fields[name].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()
