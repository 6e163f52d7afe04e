"""model_index.json of diffusers pipelines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_extract.formats.diffusers_index import Pipeline, parse_model_index
from tests.model_extract.formats.refusals import reason_of

EXAMPLE = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.6.0",
    "_name_or_path": ["a", "b"],
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "requires_safety_checker": True,
    "safety_checker": [None, None],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "controlnet": ["diffusers.pipelines.controlnet", "MultiControlNetModel"],
    "latent_size": [64, 64],
    "scale": 0.5,
}


def test_the_worked_example_is_read() -> None:
    assert parse_model_index(json.dumps(EXAMPLE).encode()) == Pipeline(
        "StableDiffusionPipeline",
        {
            "feature_extractor": ("transformers", "CLIPImageProcessor"),
            "safety_checker": None,
            "unet": ("diffusers", "UNet2DConditionModel"),
            "controlnet": ("diffusers.pipelines.controlnet", "MultiControlNetModel"),
        },
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"_class_name": None}, "bad_config"),
        ({"_class_name": "a b"}, "bad_config"),
        ({"_class_name": ["pipeline", "Mine"]}, "remote_code"),
        ({"../unet": ["diffusers", "UNet2DConditionModel"]}, "bad_config"),
        ({"unet/..": [None, None]}, "bad_config"),
        ({"unet": ["../diffusers", "UNet2DConditionModel"]}, "bad_config"),
        ({"unet": ["diffusers", "UNet.Model"]}, "bad_config"),
        ({"unet": ["diffusers", None]}, "bad_config"),
        ({"unet": ["", ""]}, "bad_config"),
        ({"unet": ["diffusers\n", "UNet"]}, "bad_config"),
        ({f"part{n}": [None, None] for n in range(101)}, "bad_config"),
        ({"text": "x" * 1_000_001}, "config_too_big"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_refused_says_why(change: dict, reason: str) -> None:
    assert reason_of(parse_model_index, json.dumps({**EXAMPLE, **change}).encode()) == reason


JSON = st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@given(st.dictionaries(st.sampled_from(["_class_name", "unet", "a b"]) | st.text(), JSON), st.binary())
def test_anything_gives_a_pipeline_or_a_reason(document: dict, content: bytes) -> None:
    reasons = (None, "bad_config", "remote_code")
    assert reason_of(parse_model_index, json.dumps({"_class_name": "A", **document}).encode()) in reasons
    assert reason_of(parse_model_index, content) in reasons
