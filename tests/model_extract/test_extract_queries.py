"""Every query of the stage gives the columns of its dataclass."""

from dataclasses import fields

import pytest

from model_extract.show import SHOWN_MODEL
from model_extract.stage import KNOWN_STRUCTURES
from store import Query, Store


@pytest.mark.parametrize(
    ("query", "parameters"), [(KNOWN_STRUCTURES, {"transformers": "5"}), (SHOWN_MODEL, {"model": "bert"})]
)
def test_columns_are_the_fields_of_the_row(query: Query, parameters: dict[str, str]) -> None:
    with Store.open(None) as store:
        described = store.rows(f"DESCRIBE {query.sql().rstrip().rstrip(';')}", parameters)
        assert [column[0] for column in described] == [field.name for field in fields(query.row)]
