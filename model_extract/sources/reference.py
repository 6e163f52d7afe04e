"""The small language models that this project trained itself, with their weights: `reference_models/NAME/`."""

from collections.abc import Iterator
from pathlib import Path

from model_extract.checkpoint_files import CONFIG_NAME, weight_files
from model_extract.files import Files, FolderFiles
from model_extract.listing import Context, ListedPage, Listing, Source, Stop, always_ready, pages_of
from pipeline.settings import ROOT
from store.provenance import content_revision

FOLDER = ROOT / "reference_models"


def list_pages(_: Context, __: Stop) -> Iterator[ListedPage]:
    """Yield the reference models by name; a folder without a config is no model."""
    folders = sorted(FOLDER.iterdir()) if FOLDER.is_dir() else []
    return pages_of(_listing(folder) for folder in folders if (folder / CONFIG_NAME).is_file())


def files(listing: Listing, _: Context) -> Files:
    """Return a reference model's files."""
    assert listing.location is not None
    folder = (ROOT / listing.location).resolve()
    return FolderFiles(folder, folder)


def _listing(folder: Path) -> Listing:
    weights = weight_files(folder, folder.resolve())
    return Listing(
        model_id=f"reference/{folder.name}",
        source="reference",
        revision=content_revision([folder / CONFIG_NAME, *weights]),
        task="text-generation",
        library="transformers",
        license="apache-2.0",
        has_weights=bool(weights),
        location=folder.relative_to(ROOT).as_posix(),
        files=tuple(sorted(path.name for path in [folder / CONFIG_NAME, *weights])),
    )


SOURCE = Source("reference", list_pages, files, always_ready)
