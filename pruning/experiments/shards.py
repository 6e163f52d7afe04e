"""A plan cut into jobs for a CI matrix: JSON that names the experiments of each by key."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import UsageError
from pruning.experiments.specification import Experiment

MOST_SHARDS = 256  # jobs that a matrix of GitHub may have
_LEAST_SECONDS = 0.1  # a refusal is a row to write, too
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 60


def check_shards(shards: int) -> None:
    """Raise `UsageError` for a number of jobs that a matrix cannot have."""
    if not 1 <= shards <= MOST_SHARDS:
        raise UsageError(f"--shards: expected 1 to {MOST_SHARDS}, the most jobs of a matrix, got {shards}")


def cut(experiments: Sequence[Experiment], shards: int) -> tuple[tuple[Experiment, ...], ...]:
    """Return at most `shards` parts, none empty: experiments of one model stand together, parts cost about the same.

    The experiments lie in a line by model and each part is an equal stretch of their cost: an experiment belongs to the
    part that its middle falls into, so that no part exceeds the mean by more than one experiment.
    """
    line = sorted(experiments, key=_model)  # stable: a model's experiments keep their order
    total = sum(map(_cost, line))
    parts = defaultdict[int, list[Experiment]](list)
    before = 0.0
    for experiment in line:
        middle = before + _cost(experiment) / 2
        parts[min(shards - 1, int(shards * middle / total))].append(experiment)
        before += _cost(experiment)
    return tuple(tuple(parts[number]) for number in sorted(parts))


def matrix(experiments: Sequence[Experiment], shards: int) -> str:
    """Return the matrix as one line of JSON; names hold letters, digits, dots, dashes and underscores alone."""
    parts = cut(experiments, shards)
    return json.dumps({"include": [_entry(number, part) for number, part in enumerate(parts, 1)]})


def write_matrix(path: Path, experiments: Sequence[Experiment], shards: int) -> None:
    """Write the matrix to a file. Raises `UsageError`."""
    try:
        path.write_text(matrix(experiments, shards) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--plan-json: cannot write {str(path)!r}: {error.strerror}") from error


def _entry(number: int, part: Sequence[Experiment]) -> dict[str, str | int | float]:
    models = [*dict.fromkeys(map(_model, part))]
    others = f"-and-{len(models) - 1}-more" if len(models) > 1 else ""
    model = safe_name(models[0][1]) + others
    return {
        "name": f"{number:03d}-{model}",
        "model": model,
        "experiments": len(part),
        "seconds": round(sum(each.seconds for each in part), 1),
        "keys": ",".join(each.specification.key for each in part),
    }


def safe_name(text: str) -> str:
    """Return the beginning of a text as letters, digits, dots, dashes and underscores: for names of artifacts."""
    return _UNSAFE.sub("-", text)[:_LONGEST_NAME]


def _model(experiment: Experiment) -> tuple[str, str]:
    return experiment.specification.source, experiment.specification.model_id


def _cost(experiment: Experiment) -> float:
    return max(_LEAST_SECONDS, experiment.seconds)
