"""File names from names of outside."""

import re

from hypothesis import given
from hypothesis import strategies as st

from analysis.output import _OWN_FILE  # pyright: ignore[reportPrivateUsage]
from analysis.paths import file_name, method_page, model_page

NAMES = st.text(max_size=120)


@given(NAMES, NAMES)
def test_any_name_gives_a_file_that_the_output_folder_takes(source: str, model_id: str) -> None:
    assert _OWN_FILE.fullmatch(f"{model_page(source, model_id)}.md")


@given(NAMES, NAMES)
def test_different_names_never_share_a_file(one: str, other: str) -> None:
    assert (file_name(one) == file_name(other)) == (one == other)


def test_plain_names_stay_readable() -> None:
    assert method_page("mlp-wanda") == "reports/methods/mlp-wanda"
    assert re.fullmatch(
        r"reports/models/reference-reference_llama-[0-9a-f]{10}", model_page("reference", "reference/llama")
    )
