"""Every query of the stage gives the columns of its dataclass."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import pytest

from model_extract import stage
from model_extract.budget import MEAN_COST
from model_extract.catalog import STOPPED_LISTING
from model_extract.export import EXPORTED_MODELS
from model_extract.listing import Listing
from model_extract.show import SHOWN_MODEL
from pipeline.settings import load_settings
from store import Query, Store


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        (stage.KNOWN_STRUCTURES, {"transformers": "5", "shapes": True, "tracer": 1}),
        (SHOWN_MODEL, {"model": "bert"}),
        (MEAN_COST, {"views": "auto"}),
        (STOPPED_LISTING, {"listing_key": "", "since": datetime(2026, 1, 1)}),  # as the store has it
        (EXPORTED_MODELS, {}),
    ],
)
def test_columns_are_the_fields_of_the_row(query: Query, parameters: dict[str, Any]) -> None:
    with Store.open(None) as store:
        described = store.rows(f"DESCRIBE {query.sql().rstrip().rstrip(';')}", parameters)
        assert [column[0] for column in described] == [field.name for field in fields(query.row)]


def test_pending_models_have_the_columns_of_a_listing() -> None:
    with Store.open(None) as store:
        assert stage._pending(store, load_settings(), ["run"], ["hub"]) == 0
        described = store.rows("DESCRIBE pending")
        assert [column[0] for column in described] == [field.name for field in fields(Listing)]
