"""A sample of the table method x architecture, and the page that the whole of it wrote."""

import re

import pytest

from pruning.methods import METHODS
from tests.pruning.architectures import ARCHITECTURES
from tests.pruning.method_table import PAGE, SIGNS, Cell, try_cell

# Every method on some architectures, every architecture with some methods; the whole is `make table`.
STRIDE = 17
SAMPLE = [
    (architecture, method)
    for row, architecture in enumerate(ARCHITECTURES)
    for column, method in enumerate(METHODS.names())
    if (row * 5 + column) % STRIDE == 0
]


def recorded() -> dict[tuple[str, str], str]:
    """Return the sign of every cell of the page."""
    cells, methods = {}, []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        parts = [part.strip() for part in line.strip("|").split("|")]
        if line.startswith("| |"):
            methods = parts[1:]
        elif line.startswith("| "):
            cells.update({(parts[0], method): sign for method, sign in zip(methods, parts[1:], strict=True)})
    return cells


def test_the_page_has_every_method_and_architecture() -> None:
    assert {*recorded()} == {(name, method) for name in ARCHITECTURES for method in METHODS.names()}
    assert len(ARCHITECTURES) >= 40


def test_the_sample_has_every_method_and_architecture() -> None:
    assert {architecture for architecture, _ in SAMPLE} == {*ARCHITECTURES}
    assert {method for _, method in SAMPLE} == {*METHODS.names()}


@pytest.mark.parametrize(("architecture", "method"), SAMPLE)
def test_a_cell_is_what_the_page_says(architecture: str, method: str) -> None:
    cell = try_cell(architecture, method)
    assert SIGNS[cell.outcome] == recorded()[architecture, method], cell.reason


def test_at_most_a_tenth_of_the_decoders_cells_is_refused() -> None:
    decoders = {name for name, row in ARCHITECTURES.items() if [*row.stacks] == ["decoder"]}
    signs = [sign for (name, _), sign in recorded().items() if name in decoders and sign]
    assert signs.count("–") <= 0.1 * len(signs)


def test_every_refusal_of_the_page_has_its_reason() -> None:
    text = PAGE.read_text(encoding="utf-8")
    reasons = text.partition("## Refusals")[2]
    for (architecture, method), sign in recorded().items():
        if sign == "–":
            assert re.search(rf"^- {re.escape(architecture)}: .*{re.escape(method)}[,:]", reasons, re.MULTILINE)


def test_a_model_that_does_not_shrink_is_not_called_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.pruning import method_table

    monkeypatch.setattr(method_table, "_count", lambda _: 1)
    with pytest.raises(AssertionError, match="physical is True, 1 parameters became 1"):
        try_cell("llama", "depth-last")
    assert try_cell("llama", "magnitude") == Cell("llama", "magnitude", "zero")
