"""Stage 2 as a program: `python -m data_processing run`, `similar MODEL`, `explain A B`, `families`, `export`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli import new_app, with_settings
from pipeline.progress import JsonProgress, Progress
from pipeline.settings import Settings
from pipeline.text import printable

app = new_app("Stage 2: group extracted models into families, by name and by architecture, and choose representatives.")


@app.command()
@with_settings(
    *("store", "dedup_strategy", "level", "similarity", "similarity_threshold"),
    *("objective", "licenses", "max_params", "workers"),
)
def run(settings: Settings, progress: Progress) -> None:
    """Compute fingerprints, names, similarities, families and representatives of what is in the store."""
    from data_processing import stage
    from store import Store

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
    from data_processing.corpus import read_fingerprints, read_models, read_trees
    from store import Store

    with Store.open(settings.store, create=False) as store:
        models = read_models(store)
        structure_id = find_structure(models, model)
        trees = read_trees(store, [one.structure_id for one in models if one.structure_id is not None])
        hashes = read_fingerprints(store)
    progress.note("rank, weighted Jaccard similarity, models of that architecture; weights are those of the tokens")
    for rank, neighbour in enumerate(nearest(structure_id, trees, models, count, hashes), start=1):
        found = neighbour.overlap
        fields = {"rank": rank, **asdict(neighbour), "similarity": found.similarity}
        fields["overlap"] = {"shared": found.shared, "total": found.total}
        progress.result(describe(neighbour, rank, model), **fields)


@app.command()
@with_settings("store", "similarity_threshold")
def explain(
    settings: Settings,
    progress: Progress,
    first: Annotated[str, typer.Argument(metavar="A", help="model id as in the store, such as bert or owner/name")],
    second: Annotated[str, typer.Argument(metavar="B", help="model to compare it with")],
    sizes: Annotated[
        bool, typer.Option("--sizes", help="list each module that differs in its dimensions alone")
    ] = False,
) -> None:
    """Show how two architectures differ, side by side: modules, sizes, traits, hashes and similarity in [0, 1].

    What is equal is folded into one line. -v lists all modules that only one of the two has.
    """
    from data_processing.answers import explain as answer
    from data_processing.answers.difference_objects import objects
    from data_processing.answers.side_by_side import show
    from store import Store

    with Store.open(settings.store, create=False) as store:
        left, right = answer.read_described(store, (first, second))
    explanation = answer.explain(left, right, settings.similarity_threshold)
    if not isinstance(progress, JsonProgress):
        show(explanation, sizes=sizes, everything=progress.verbose)
        return
    for fields in objects(explanation, sizes=sizes):
        progress.result("", **fields)


@app.command()
@with_settings("store")
def families(
    settings: Settings,
    progress: Progress,
    top: Annotated[int, typer.Option("--top", min=1, help="families to show, the largest first")] = 20,
    level: Annotated[
        Literal["exact", "layout", "plan"] | None,
        typer.Option("--level", help="count models at this exact level instead: same sizes|any width|any depth"),
    ] = None,
) -> None:
    """List the largest families of the newest run with their representatives."""
    from data_processing.corpus import LEVELS, read_families
    from store import Store

    with Store.open(settings.store, create=False) as store:
        families = read_families(store, top)
        largest = store.fetch(LEVELS, level=level, top=top) if level else []
    if level:
        progress.note(f"architectures at level {level}: models, structures, hash (most downloaded model)")
        for row in largest:
            text = f"{row.models:>8,}  {row.structures:>6,}  {row.hash}  ({printable(row.best_known)})"
            progress.result(text, level=level, **asdict(row))
        return
    progress.note(
        f"members, family by {families[0].strategy} (its representative, * = it has weights), least similarity to it"
    )
    for row in families:
        mark = "*" if row.has_weights else ""
        least = "" if row.least_similarity is None else f"  {row.least_similarity:.2f}"
        text = f"{row.members:>8,}  {printable(row.family_id)}  ({printable(row.representative)}{mark}){least}"
        progress.result(text, **asdict(row))


@app.command()
@with_settings("store")
def export(
    settings: Settings,
    progress: Progress,
    kind: Annotated[Literal["csv", "parquet"], typer.Option("--format", help="format of the tables")] = "csv",
    output: Annotated[Path | None, typer.Option(help="folder (default: the store's)", metavar="DIR")] = None,
) -> None:
    """Write the families and their representatives' modules into process_with_name/ and process_with_architecture/."""
    from data_processing.answers.export import export_families
    from store import Store

    folder = output or settings.store.parent
    with Store.open(settings.store, create=False) as store:
        counts = export_families(store, folder, kind, progress)
    for what, count in counts.items():
        progress.result(f"{count:>8,}  {what}", what=what, count=count, folder=str(folder))


if __name__ == "__main__":
    app()
