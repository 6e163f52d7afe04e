"""`python -m pruning`: run the planned experiments, prune one model, compare checkpoints, list methods, inspect."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import new_app, with_settings
from pipeline.progress import Progress
from pipeline.settings import Settings
from pruning.arguments import Calibration, Energy, Evaluation, Images, Model, Stride, Tasks
from pruning.depth.commands import app as depth_app

app = new_app("Stage 3: prune models under one protocol, measure what it costs, save normal checkpoints.")
app.add_typer(depth_app, name="depth")


@app.command()
@with_settings(
    "store", "methods", "ratios", "seeds", "seed", "max_params", "evaluation_windows", "calibration_windows",
    "window_tokens", "latency_repeats", "analyses", "damage_windows", "max_minutes", "only", "retry_failed",
    "experiment_seconds", "experiment_memory", "engine", "workers", "device",
)  # fmt: skip
def run(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would run and take, with -v each; do nothing")
    ] = False,
    plan_json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="write the plan as the matrix of a CI workflow, for --only; do nothing else"),
    ] = None,
    shards: Annotated[int, typer.Option(metavar="N", help="jobs of that matrix at most, 1 to 256")] = 64,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """Prune every representative in the store that has weights; finished experiments are not run again."""
    from pruning.run_command import RunOrder, run_command

    run_command(RunOrder(dry_run, plan_json, shards), settings, progress)


@app.command()
@with_settings(
    "store", "methods", "ratios", "seeds", "seed", "max_params", "evaluation_windows", "calibration_windows",
    "window_tokens", "latency_repeats", "analyses", "damage_windows", "only", "retry_failed", "licenses", "device",
    "offline",
)  # fmt: skip
def fetch(
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="config and tokenizer alone: what a plan is made from")
    ] = False,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """Download the weights of representatives of the Hub that `run` would prune or analyse now."""
    from pipeline.text import count_of
    from pruning.experiments.weights import fetch as fetch_weights
    from store import Store

    with Store.open(settings.store, create=False) as store:
        count = fetch_weights(store, settings, progress, weights=not plan_only)
    progress.result(f"{count_of(count, 'model')} fetched", models=count)


@app.command()
@with_settings(
    "seed", "evaluation_windows", "calibration_windows", "window_tokens", "latency_repeats", "device", "offline"
)
def prune(
    model: Model,
    method: Annotated[str, typer.Option(help="pruning method; `python -m pruning methods` lists them", metavar="NAME")],
    ratio: Annotated[
        str, typer.Option(help="share of the method's units to remove, fraction in (0, 1)", metavar="FRACTION")
    ],
    output: Annotated[Path, typer.Option(help="folder that receives the checkpoint", metavar="DIR")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a checkpoint that is there already")] = False,
    calibration: Calibration = None,
    evaluation: Evaluation = None,
    stream: Annotated[
        str,
        typer.Option(
            metavar="MODE",
            help="from disk to disk, one layer in memory: auto (when the model takes over half of the free memory) | "
            "always | never; only methods that keep every shape, and nothing is measured",
        ),
    ] = "auto",
    stride: Stride = None,
    images: Images = None,
    tasks: Tasks = None,
    energy: Energy = None,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """Prune one model and save it as a checkpoint that transformers loads."""
    from pruning.further import Further
    from pruning.methods import read_ratio
    from pruning.model_commands import PruneOrder, prune_command

    further = Further(stride, images, tasks, energy)
    order = PruneOrder(model, method, read_ratio(ratio), output, overwrite, stream, calibration, evaluation, further)
    prune_command(order, settings, progress)


@app.command()
@with_settings(
    "seed", "evaluation_windows", "calibration_windows", "window_tokens", "latency_repeats", "device", "offline"
)
def heal(
    checkpoint: Annotated[str, typer.Argument(metavar="DIR", help="pruned checkpoint; takes what MODEL takes")],
    base: Annotated[str, typer.Option(metavar="MODEL", help="model that it was pruned from, to compare with")],
    output: Annotated[Path, typer.Option(help="folder that receives the checkpoint", metavar="DIR")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a checkpoint that is there already")] = False,
    steps: Annotated[int, typer.Option(help="training steps, 8 windows each", metavar="N")] = 100,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="peak rate; falls linearly to zero", metavar="X", show_default="0.001, full 0.0001"),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="train all parameters, not low-rank additions")] = False,
    calibration: Calibration = None,
    evaluation: Evaluation = None,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """Train a pruned checkpoint for a few steps on calibration text; what is zero stays zero."""
    from pruning.healing.command import HealOrder, heal_command

    order = HealOrder(checkpoint, base, output, overwrite, steps, learning_rate, full, calibration, evaluation)
    heal_command(order, settings, progress)


@app.command()
@with_settings("evaluation_windows", "window_tokens", "latency_repeats", "device", "offline")
def evaluate(
    checkpoint: Annotated[str, typer.Argument(metavar="DIR", help="checkpoint to measure; takes what MODEL takes")],
    against: Annotated[
        str | None, typer.Option(metavar="MODEL", help="checkpoint to compare with", show_default="none")
    ] = None,
    evaluation: Evaluation = None,
    stride: Stride = None,
    images: Images = None,
    tasks: Tasks = None,
    energy: Energy = None,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """Measure a checkpoint with every metric that applies (docs/METRICS.md); beside another one if given."""
    from pruning.further import Further
    from pruning.model_commands import EvaluateOrder, evaluate_command

    further = Further(stride, images, tasks, energy)
    evaluate_command(EvaluateOrder(checkpoint, against, evaluation, further), settings, progress)


@app.command()
@with_settings(
    "store", "seed", "damage_windows", "calibration_windows", "window_tokens", "max_minutes", "device", "offline"
)
def analyse(
    model: Model,
    analysis: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="analyses, comma-separated, with their defaults or as the configuration has them; "
            "`python -m pruning analyses` lists them",
            show_default="all of the configuration",
        ),
    ] = "",
    configuration: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="configuration, or a TOML or YAML file", show_default="standard"),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="ANALYSIS.KEY=VALUE", help="an option of an analysis; may come again")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="folder that receives a CSV an analysis, and pictures")
    ] = None,
    calibration: Calibration = None,
    evaluation: Evaluation = None,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """Measure where a model is redundant; finished components are not measured again, Ctrl-C keeps what is measured."""
    from pipeline.settings import parse_list
    from pruning.analyses.command import AnalyseOrder, analyse_command

    names, options = tuple(parse_list(analysis)), tuple(option or ())
    analyse_command(
        AnalyseOrder(model, names, configuration, options, output, calibration, evaluation), settings, progress
    )


@app.command()
@with_settings("store")
def analyses(
    query: Annotated[
        str | None, typer.Option(metavar="NAME", help="answer a named query from the store instead of listing")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="file that receives the answer as CSV")] = None,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """List the analyses with sources and options, the configurations and the named queries, or answer a query."""
    from pruning.analyses.answers import analyses_command, query_command

    if query is None:
        analyses_command(progress)
    else:
        query_command(query, csv, settings, progress)


@app.command()
@with_settings()
def methods(settings: Settings, progress: Progress) -> None:  # noqa: ARG001  # the decorator passes both
    """List the pruning methods with scope, source, and whether they need text or a seed."""
    from pruning.commands import methods_command

    methods_command(progress)


@app.command()
@with_settings("offline")
def inspect(model: Model, *, settings: Settings, progress: Progress) -> None:
    """Say where a model's layers, attention and MLP are, and which methods fit it."""
    from pruning.commands import inspect_command

    inspect_command(model, settings, progress)


if __name__ == "__main__":
    app()
