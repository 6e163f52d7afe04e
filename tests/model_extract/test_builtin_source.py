"""The installed library as a source."""

import pytest

from model_extract.listing import Context, Listing
from model_extract.readers.meta_device import read
from model_extract.reading import ReadRequest, Refusal, Structure
from model_extract.sources import builtin
from pipeline.settings import load_settings

SETTINGS = load_settings()
LISTED = {listing.model_id: listing for listing in builtin.listings()}


def config_of(model_type: str) -> dict:
    return builtin.files(LISTED[model_type], Context(SETTINGS)).config()


def test_every_registered_type_is_listed_once() -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    assert sorted(LISTED) == sorted(CONFIG_MAPPING.keys())
    assert {listing.revision for listing in LISTED.values()} == {"transformers-5.23.0"}


@pytest.mark.parametrize(
    ("model_type", "task"),
    [
        ("llama", "text-generation"),
        ("bert", "fill-mask"),
        ("t5", "text2text-generation"),
        ("whisper", "automatic-speech-recognition"),
        ("vit", "image-classification"),
        ("clip", "zero-shot-image-classification"),
        ("llava", "image-text-to-text"),
        ("siglip_text_model", None),
    ],
)
def test_the_task_is_that_of_the_class_that_is_built(model_type: str, task: str | None) -> None:
    assert LISTED[model_type].task == task


@pytest.mark.parametrize("model_type", sorted(builtin.repairs()))
def test_a_repair_is_needed_and_completes_the_config(model_type: str) -> None:
    bare = read(ReadRequest({"model_type": model_type}, 100_000))
    assert isinstance(bare, Refusal)
    assert bare.reason in ("incomplete_config", "bad_config")
    assert isinstance(read(ReadRequest(config_of(model_type), 100_000)), Structure)


def test_a_repair_says_so_in_the_note() -> None:
    listing: Listing = LISTED["esm"]
    note = builtin.files(listing, Context(SETTINGS)).note
    assert note is not None
    assert "33 symbols" in note
