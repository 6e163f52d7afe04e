"""Shapes of the built-in types that extract: `python -m benchmarks.bench_shapes [WORKERS]`.

Builds each type at its default config, traces it once and prints how many forwards came to their end, with all inputs
or with the main one alone, which did not and why, and how long it took. Ends with status 1 below `LEAST_SHARE`.
"""

import importlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_extract.auto_classes import registered_types
from model_extract.config import canonical_config
from model_extract.readers.meta_device import PRELOAD, read
from model_extract.reading import ReadRequest, Refusal
from model_extract.shapes import trace_shapes
from model_extract.sources.builtin import repairs
from pipeline.engines import Limits, Outcome, Task, run_tasks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LEAST_SHARE = 0.75
TRACE_SECONDS = 60.0
LIMITS = Limits(memory_bytes=1_800_000_000, seconds=120.0)
MOST_MODULES = 100_000


@dataclass(frozen=True)
class Traced:
    """One type: why its forward failed, what it was fed, and how many of the modules with own parameters it reached."""

    failure: str | None
    inputs: tuple[str, ...]
    reached: int
    modules: int
    seconds: float
    takes_other_modalities: bool


def trace_type(model_type: str) -> Traced | None:
    """Build one type and trace it; None = it does not extract."""
    values = repairs().get(model_type, {}).get("values", {})
    structure = read(ReadRequest(canonical_config({"model_type": model_type, **values}), MOST_MODULES))
    if isinstance(structure, Refusal):
        return None
    assert structure.architecture is not None
    model, config = build(structure.architecture, model_type, values)
    started = time.monotonic()
    trace = trace_shapes(model, config, TRACE_SECONDS)
    seconds = time.monotonic() - started
    own = [name for name, module in model.named_modules() if any(True for _ in module.parameters(recurse=False))]
    reached = sum(trace.shapes[name][1] is not None for name in own)
    several = not isinstance(model.input_modalities, str) and len(model.input_modalities) > 1
    return Traced(trace.failure, tuple(json.loads(trace.inputs)), reached, len(own), seconds, several)


def build(architecture: str, model_type: str, values: dict[str, Any]) -> tuple["PreTrainedModel", Any]:
    """Build a class that is known to build on the meta device once more."""
    import torch
    from transformers import AutoConfig
    from transformers.initialization import no_init_weights

    config = AutoConfig.for_model(model_type, **values)
    package = importlib.import_module(type(config).__module__.rpartition(".")[0])
    model_class = getattr(package, architecture, None) or getattr(importlib.import_module("transformers"), architecture)
    with torch.device("meta"), no_init_weights():
        return model_class(config), config


def traced_types(workers: int) -> dict[str, Outcome[Traced | None]]:
    """Return an outcome for each type that builds, or whose child did not survive."""
    tasks = [Task(model_type, model_type) for model_type in registered_types()]
    outcomes = run_tasks(trace_type, tasks, workers=workers, limits=LIMITS, preload=PRELOAD)
    return {outcome.key: outcome for outcome in outcomes if outcome.status != "done" or outcome.value is not None}


def print_failures(outcomes: dict[str, Outcome[Traced | None]]) -> None:
    """Print a row for each type whose forward did not come to its end."""
    for name, outcome in sorted(outcomes.items()):
        why = outcome.detail if outcome.value is None else outcome.value.failure
        if why:
            reached = "" if outcome.value is None else f"{outcome.value.reached}/{outcome.value.modules}"
            print(f"{name:40} {reached:>10}  {why[:110]}")


def print_summary(traced: Sequence[Traced], total: int) -> float:
    """Print the shares and return that of the forwards that came to their end."""
    ended = [one for one in traced if one.failure is None]
    text_alone = [one for one in ended if one.takes_other_modalities and one.inputs == ("input_ids",)]
    seconds = sorted(one.seconds for one in traced)
    reached, modules = sum(one.reached for one in traced), sum(one.modules for one in traced)
    rows = {
        "types that extract": f"{total}",
        "forward came to its end": f"{len(ended)} ({len(ended) / total:.1%})",
        "of these of several modalities, fed text alone": f"{len(text_alone)}",
        "modules with parameters that have shapes": f"{reached / modules:.1%}",
        "seconds a type, median / 95th percentile / most": (
            f"{seconds[len(seconds) // 2]:.2f} / {seconds[int(0.95 * len(seconds))]:.2f} / {seconds[-1]:.2f}"
        ),
    }
    for name, value in rows.items():
        print(f"{name:50} {value}")
    return len(ended) / total


def main() -> int:
    """Print both tables."""
    outcomes = traced_types(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    print_failures(outcomes)
    traced = [outcome.value for outcome in outcomes.values() if outcome.value is not None]
    return 0 if print_summary(traced, len(outcomes)) >= LEAST_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
