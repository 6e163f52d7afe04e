"""Places where models are listed, and which of them a `--source` means."""

from model_extract.sources import builtin, directory, hub, reference
from pipeline.registry import Registry

SOURCES = Registry("source", [hub.SOURCE, builtin.SOURCE, reference.SOURCE, directory.SOURCE])

# `builtin` is all that the machine carries without network: types without weights and the project's own models, so that
# the stages after this one have something to prune. `auto` is decided by asking the Hub once.
SOURCES_OF_CHOICE = {
    "builtin": ("builtin", "reference"),
    "reference": ("reference",),
    "directory": ("directory",),
    "hub": ("hub",),
}
SOURCES_WHEN_THE_HUB_ANSWERS = ("hub", "reference")
