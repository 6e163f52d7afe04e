"""`python -m pruning depth`: scores of all blocks, table, heatmap, cut. All that can be checked is checked first."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import new_app, with_settings
from pipeline.errors import UsageError
from pipeline.progress import Progress
from pipeline.settings import Settings
from pruning.arguments import Calibration, Model

app = new_app("Depth pruning in steps: measure all blocks of layers, look at them, cut one.")

Scores = Annotated[Path, typer.Argument(metavar="FILE", help="scores that `depth scores` wrote")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace what is there already")]


@app.command()
@with_settings("calibration_windows", "window_tokens", "offline")
def scores(
    model: Model,
    output: Annotated[Path, typer.Option(help="JSON file that receives the scores", metavar="FILE")],
    distance: Annotated[str, typer.Option(help="distance between the states around a block", metavar="NAME")] = (
        "angular-last"
    ),
    calibration: Calibration = None,
    overwrite: Overwrite = False,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """Measure the distance over every block of layers, from one forward pass over the calibration text."""
    from pruning.depth.output import check_file
    from pruning.depth.scores import depth_scores
    from pruning.model_commands import choose_calibration, text_plan
    from pruning.models import load_model, resolve
    from pruning.redundancy.distances import DISTANCES
    from pruning.texts import check_window

    record = DISTANCES[distance]
    check_file(output, overwrite=overwrite)
    check_window(settings.window_tokens)
    plan = text_plan(calibration, None, settings)
    base = resolve(model, offline=settings.offline)
    windows = choose_calibration(base, plan, progress).windows
    found = depth_scores(load_model(base.folder), windows, distance, name=base.name)
    found.save(output, overwrite=overwrite)
    progress.result(
        f"{record.name} ({record.unit}) over all blocks of {found.layers} layers of {base.name}: {output}",
        model=base.name,
        distance=record.name,
        unit=record.unit,
        layers=found.layers,
        output=str(output),
    )


@app.command()
@with_settings()
def table(
    scores_file: Scores,
    threshold: Annotated[
        str | None, typer.Option(help="mark the blocks with a score of at most this", metavar="NUMBER")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="print a Markdown table")] = False,
    *,
    settings: Settings,  # noqa: ARG001  # the decorator passes both
    progress: Progress,
) -> None:
    """Print the best block of every size."""
    from pruning.depth.scores import DepthScores
    from pruning.depth.table import depth_table, table_markdown, table_text

    rows = depth_table(DepthScores.load(scores_file), None if threshold is None else _number(threshold))
    progress.result(
        table_markdown(rows) if markdown else table_text(rows),
        rows=[
            {"layers": row.layers, "start": row.start, "removed": row.removed, "score": row.score, "within": row.within}
            for row in rows
        ],
    )


@app.command()
@with_settings()
def heatmap(
    scores_file: Scores,
    output: Annotated[Path, typer.Option(help="PNG file that receives the picture", metavar="FILE")],
    overwrite: Overwrite = False,
    *,
    settings: Settings,  # noqa: ARG001  # the decorator passes both
    progress: Progress,
) -> None:
    """Draw the scores: across the start of a block, up its size."""
    from pruning.depth.heatmap import depth_heatmap
    from pruning.depth.output import check_file
    from pruning.depth.scores import DepthScores

    check_file(output, overwrite=overwrite)
    depth_heatmap(DepthScores.load(scores_file), output, overwrite=overwrite)
    progress.result(f"heatmap: {output}", output=str(output))


@app.command()
@with_settings("calibration_windows", "window_tokens", "offline")
def cut(
    model: Model,
    start: Annotated[int, typer.Option(help="first layer to remove, counted from 0", metavar="LAYER")],
    layers: Annotated[int, typer.Option(help="how many layers to remove", metavar="COUNT")],
    output: Annotated[Path, typer.Option(help="folder that receives the checkpoint", metavar="DIR")],
    heal: Annotated[bool, typer.Option("--heal", help="fold a least-squares correction in before the cut")] = False,
    calibration: Calibration = None,
    overwrite: Overwrite = False,
    *,
    settings: Settings,
    progress: Progress,
) -> None:
    """Remove a block of layers and save what is left as a checkpoint that transformers loads."""
    from pruning.card import base_license, model_card
    from pruning.checkpoint import check_output, save_checkpoint
    from pruning.depth.cut import cut_block
    from pruning.model_commands import Texts, choose_calibration, text_plan
    from pruning.models import load_model, resolve, stored_dtype
    from pruning.texts import check_window

    check_window(settings.window_tokens)
    plan = text_plan(calibration, None, settings)
    base = resolve(model, offline=settings.offline)
    check_output(output, overwrite=overwrite)
    texts = Texts(choose_calibration(base, plan, progress) if heal else None, None)
    loaded = load_model(base.folder)
    windows = texts.calibration.windows if texts.calibration else ()
    pruned = cut_block(loaded, start, layers, heal=heal, windows=windows)
    card = model_card(base.name, base_license(base.folder), pruned, {}, {}, texts=texts.named())
    save_checkpoint(loaded, base.folder, output, dtype=stored_dtype(base.folder), card=card, overwrite=overwrite)
    progress.result(
        f"{pruned.sentence()}\nsaved to {output}; measure it with `python -m pruning evaluate`",
        layers=pruned.removal.layers,
        achieved_ratio=pruned.achieved_ratio,
        note=pruned.removal.note,
        output=str(output),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"--threshold: expected a number of at least 0, got {text!r}") from error
