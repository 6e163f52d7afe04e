"""`python -m model_extract export`: every model's modules as a table of its own, in the layout of the earlier miner."""

from pathlib import Path

from pipeline.progress import Progress
from store import Query, Store
from store.module_tables import Format, TabledModel, table_path, write_module_table, writing_below

EXPORTED_MODELS = Query(Path(__file__).resolve().parent / "queries" / "exported_models.sql", TabledModel)


def export(store: Store, folder: Path, kind: Format, progress: Progress) -> int:
    """Write a file a model below `folder`/SOURCE/TASK/ and return how many.

    Raises `UsageError` when the folder cannot be written.
    """
    models = store.fetch(EXPORTED_MODELS)
    with progress.track("export", len(models)) as track, writing_below(folder):
        for model in models:
            target = folder / table_path(model.source, model.task, model.model_id, kind)
            write_module_table(store, model, target, kind)
            track.advance(model.model_id)
    return len(models)
