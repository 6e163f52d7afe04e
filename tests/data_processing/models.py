"""Models as stage 2 reads them, for the tests."""

from dataclasses import replace
from typing import Any

from data_processing.corpus import ModelRow

_PLAIN = ModelRow("hub", "", "r", None, None, None, False, None, None, None, None)


def model(model_id: str, **values: Any) -> ModelRow:
    return replace(_PLAIN, model_id=model_id, **values)
