"""Ways to read a structure, in the order in which they are tried on a model."""

from model_extract.listing import Listing
from model_extract.readers import (
    config,
    diffusers,
    gguf_header,
    peft_adapter,
    safetensors_header,
    sentence_transformers,
    timm,
)
from model_extract.reading import Reader
from pipeline.registry import Registry

READERS = Registry(
    "reader",
    [
        peft_adapter.READER,
        diffusers.READER,
        sentence_transformers.READER,
        timm.READER,
        config.READER,
        safetensors_header.READER,
        gguf_header.READER,
    ],
)


def readers_for(listing: Listing, views: str) -> list[Reader]:
    """Return the readers to try on a model, the best first; `views` is the setting of that name."""
    fitting = [reader for reader in READERS if views in ("auto", "both", reader.view) or reader.view == "own"]
    suiting = [reader for reader in fitting if reader.suits(listing)]
    return suiting[:1] if suiting and suiting[0].view == "own" else suiting
