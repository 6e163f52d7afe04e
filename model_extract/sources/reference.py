"""The small language models that this project trained itself, with their weights: `reference_models/NAME/`."""

from collections.abc import Iterator
from pathlib import Path

from model_extract.checkpoint_files import CONFIG_NAME, content_revision, read_config_file, weight_files
from model_extract.listing import Config, Listing, Source, always_ready
from pipeline.settings import ROOT, Settings

FOLDER = ROOT / "reference_models"


def list_models(_: Settings) -> Iterator[Listing]:
    """Yield the reference models by name; a folder without a config is no model."""
    for folder in sorted(FOLDER.iterdir()) if FOLDER.is_dir() else []:
        if (folder / CONFIG_NAME).is_file():
            yield _listing(folder)


def read_config(listing: Listing, _: Settings) -> Config:
    """Return a reference model's config."""
    assert listing.location is not None
    return read_config_file(ROOT / listing.location)


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
    )


SOURCE = Source("reference", list_models, read_config, always_ready)
