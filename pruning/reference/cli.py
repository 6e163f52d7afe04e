"""The command line: `python -m pruning.reference train | text | list`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import new_app, run_command
from pipeline.progress import Progress, make_progress
from pruning.reference import LANGUAGE_VERSION, REFERENCE_MODELS, Split, model_folder
from pruning.reference.language import expectation
from pruning.reference.recipes import RECIPES, recipe_named
from pruning.reference.splits import split_documents

app = new_app("Small language models that this project trains itself, and the artificial language they speak.")


@app.command(name="train")
def train_command(
    name: Annotated[str, typer.Argument(help=f"Which model: {', '.join(REFERENCE_MODELS)}.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write (default: reference_models/NAME)", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the initial weights and of the training text.")] = 0,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Optimiser steps of 8 windows (default: the recipe's)", show_default=False),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="Limit in minutes; the learning rate fits it (default: none)", show_default=False),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder if it exists.")] = False,
) -> None:
    """Train one model and write it as a checkpoint with tokenizer, model card and training record."""
    progress = make_progress()
    run_command(lambda: _train(progress, name, output, seed, steps, minutes, threads, overwrite), progress)


@app.command(name="text")
def text_command(
    split: Annotated[Split, typer.Option(help="Which text.")] = "evaluation",
    documents: Annotated[int, typer.Option(min=1, help="How many documents.")] = 5,
) -> None:
    """Print documents of the language, one a line."""
    progress = make_progress()
    run_command(lambda: _text(progress, split, documents), progress)


@app.command(name="list")
def list_command() -> None:
    """List the models and what sets each apart."""
    progress = make_progress()
    run_command(lambda: _list(progress), progress)


def _train(
    progress: Progress,
    name: str,
    output: Path | None,
    seed: int,
    steps: int | None,
    minutes: float | None,
    threads: int,
    overwrite: bool,
) -> None:
    recipe = recipe_named(name)
    import torch
    from transformers.utils import logging

    from pruning.reference.checkpoint import train_checkpoint
    from pruning.reference.training import Budget, CurvePoint

    torch.set_num_threads(threads)
    logging.disable_progress_bar()
    budget = Budget(steps or recipe.steps, minutes)

    def report(point: CurvePoint) -> None:
        progress.note(
            f"{name}: step {point.step} of {budget.steps}, {point.seconds:.0f} s, "
            f"loss {point.loss:.3f} nats per token, floor {point.floor:.3f}"
        )

    record = train_checkpoint(recipe, output or model_folder(name), budget, seed, report, overwrite)
    progress.result(
        f"{name}: perplexity {record.perplexity:.3f}, {record.ratio:.3f} times the floor "
        f"{record.floor_perplexity:.3f}; {record.parameters:,} parameters, {record.weight_bytes:,} bytes, "
        f"{record.seconds:.0f} s"
    )


def _text(progress: Progress, split: Split, count: int) -> None:
    stream = split_documents(split)
    for _ in range(count):
        progress.result(next(stream).text)


def _list(progress: Progress) -> None:
    entropy = expectation().nats_per_token
    progress.result(f"language version {LANGUAGE_VERSION}, entropy {entropy:.4f} nats per token")
    for recipe in RECIPES:
        progress.result(f"{recipe.name:10} {recipe.special}")
