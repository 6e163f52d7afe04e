"""Stage 2 as a program: `python -m data_processing run`, `similar MODEL`, `families`."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli import new_app, with_settings
from pipeline.progress import Progress
from pipeline.settings import Settings
from store import Store

app = new_app("Stage 2: group extracted models into families, by name and by architecture, and choose representatives.")


@app.command()
@with_settings("store", "dedup_strategy", "similarity_threshold")
def run(settings: Settings, progress: Progress) -> None:
    """Compute fingerprints, names, similarities, families and representatives of what is in the store."""
    from data_processing import stage

    stage.check(settings)
    with Store.open(settings.store, create=False) as store:
        report = stage.run(store, settings, progress)
    for what, count in report.counts.items():
        progress.result(f"{count:>8,}  {what}", what=what, count=count)


@app.command()
@with_settings("store")
def similar(
    settings: Settings,
    progress: Progress,
    model: Annotated[str, typer.Argument(help="model id as in the store, such as bert or owner/name")],
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="neighbours to show, structures")] = 10,
) -> None:
    """Show the architectures nearest to a model: similarity in [0, 1], and the tokens that only one of the two has."""
    from data_processing.answers.neighbours import describe, find_structure, nearest
    from data_processing.corpus import read_models, read_trees

    with Store.open(settings.store, create=False) as store:
        models = read_models(store)
        structure_id = find_structure(models, model)
        trees = read_trees(store, [one.structure_id for one in models if one.structure_id is not None])
    for rank, neighbour in enumerate(nearest(structure_id, trees, models, count), start=1):
        fields = {"rank": rank, "similarity": neighbour.overlap.similarity, **asdict(neighbour)}
        progress.result(describe(neighbour, rank, model), **fields)


@app.command()
@with_settings("store")
def families(
    settings: Settings,
    progress: Progress,
    top: Annotated[int, typer.Option("--top", min=1, help="families to show, the largest first")] = 20,
) -> None:
    """List the largest families of the newest run with their representatives."""
    from data_processing.corpus import read_families

    with Store.open(settings.store, create=False) as store:
        rows = read_families(store, top)
    progress.note(f"families by {rows[0].strategy}; * = the representative has weights")
    for row in rows:
        mark = "*" if row.has_weights else " "
        progress.result(f"{row.members:>8,}  {row.family_id}  ({row.representative}{mark.strip()})", **asdict(row))


if __name__ == "__main__":
    app()
