"""The table method x architecture: each cell pruned, saved, read back, fed and, where the model writes, generated.

`make table` writes docs/METHOD_TABLE.md anew in a few minutes and fails when a cell does.
"""

import copy
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pruning.methods import METHODS
from tests.pruning.architectures import ARCHITECTURES, build_tiny

WINDOWS = ((3, 4, 5, 6, 7, 8), (9, 8, 7, 6), (11, 12, 13, 14, 15))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "METHOD_TABLE.md"
NEW_TOKENS = 5
INTRODUCTION = (
    "Written by `make table`: every cell is a tiny model with random weights that was pruned, saved, read back, fed "
    "and, where it writes text, generated with the key-value cache and without."
)
LEGEND = (
    "● parameters are gone; ○ same shape (zeros, copies or low rank); – refused, see below; blank: nothing of "
    "the kind in the model. {cells:,} cells that are not blank, {refused:,} refused; among decoders {share:.1%}."
)
SIGNS = {"gone": "●", "zero": "○", "refused": "–", "absent": ""}
ABSENT = "needs a mixture of experts"


@dataclass(frozen=True)
class Cell:
    """What became of one model and method: parameters gone, or kept in shape as zeros, copies or low rank; a refusal;
    nothing of the kind in the model; or a defect of ours."""

    architecture: str
    method: str
    outcome: Literal["gone", "zero", "refused", "absent", "broken"]
    reason: str = ""


@lru_cache(maxsize=1)
def dense_model(name: str) -> Any:
    """Return the tiny model of an architecture; cells take copies."""
    return build_tiny(name)


def try_cell(architecture: str, method: str) -> Cell:
    """Prune, save, read back, feed and generate. AssertionError: the model that came out is not what was promised."""
    import torch

    from pruning.checkpoint import save_checkpoint
    from pruning.errors import PruningError
    from pruning.models import load_model

    torch.set_num_threads(1)
    dense = dense_model(architecture)
    model = copy.deepcopy(dense)
    try:
        physical = _pruned(model, method)
    except PruningError as error:
        assert torch.equal(_answer(model), _answer(dense)), f"{method} refused {architecture} and changed it"
        return Cell(architecture, method, "absent" if ABSENT in str(error) else "refused", str(error))
    after = _answer(model)
    assert after.numel() == 1 or not torch.equal(after, _answer(dense)), "nothing changed"
    with tempfile.TemporaryDirectory() as place:
        save_checkpoint(model, Path(place), Path(place) / "saved", dtype=torch.float32, card="")
        loaded = load_model(Path(place) / "saved")
    assert type(loaded) is type(model)
    assert torch.allclose(_answer(loaded), after, atol=1e-5)
    smaller = _count(loaded) < _count(dense)
    assert smaller == physical, f"physical is {physical}, {_count(dense)} parameters became {_count(loaded)}"
    for each in (model, loaded):
        _check_generation(each)
    return Cell(architecture, method, "gone" if physical else "zero")


def _pruned(model: Any, method: str) -> bool:
    """Prune at a quarter, at a half where a quarter is nothing; return whether parameters went."""
    from pruning import prune
    from pruning.errors import RatioTooSmallError

    fixed = METHODS[method].fixed_ratio
    try:
        return prune(model, method, fixed or 0.25, calibration=WINDOWS).removal.physical
    except RatioTooSmallError:
        return prune(model, method, 0.5, calibration=WINDOWS).removal.physical


def _answer(model: Any) -> Any:
    import torch

    from pruning.inputs import example_inputs, main_output

    with torch.inference_mode():
        return main_output(model(**example_inputs(model)))


def _count(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _check_generation(model: Any) -> None:
    """Generate greedily with and without the key-value cache; models that do not write are left out."""
    import torch

    from pruning.inputs import example_inputs

    inputs = example_inputs(model)
    if not model.can_generate() or "input_ids" not in inputs:
        return
    given = {name: value for name, value in inputs.items() if not name.startswith("decoder_")}
    both = [
        model.generate(**given, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False, use_cache=cached)
        for cached in (True, False)
    ]
    assert torch.equal(*both), "generation with the cache and without differ"


def _row(architecture: str) -> list[Cell]:
    return [_tried(architecture, method) for method in METHODS.names()]


def _tried(architecture: str, method: str) -> Cell:
    try:
        return try_cell(architecture, method)
    except Exception as error:  # noqa: BLE001  # all defects are listed at the end, not the first alone
        return Cell(architecture, method, "broken", f"{type(error).__name__}: {error}")


def page(cells: list[Cell]) -> str:
    """Return the table as markdown: architectures down, methods across by scope, and the refusals in words."""
    found = {(cell.architecture, cell.method): cell for cell in cells}
    cells = [cell for cell in cells if cell.outcome != "absent"]
    refused = [cell for cell in cells if cell.outcome == "refused"]
    decoders = {name for name, row in ARCHITECTURES.items() if [*row.stacks] == ["decoder"]}
    of_decoders = [cell for cell in cells if cell.architecture in decoders]
    share = sum(cell.outcome == "refused" for cell in of_decoders) / len(of_decoders)
    lines = [
        "# Which method works on which architecture",
        "",
        INTRODUCTION,
        "",
        LEGEND.format(cells=len(cells), refused=len(refused), share=share),
    ]
    for scope in dict.fromkeys(method.scope for method in METHODS):
        methods = [method.name for method in METHODS if method.scope == scope]
        lines += ["", f"## {scope.capitalize()}", "", f"| | {' | '.join(methods)} |", f"|---|{':-:|' * len(methods)}"]
        for name in ARCHITECTURES:
            signs = " | ".join(SIGNS[found[name, method].outcome] for method in methods)
            lines.append(f"| {name} | {signs} |")
    return "\n".join([*lines, "", "## Refusals", "", *_refusals(refused), ""])


def _refusals(refused: list[Cell]) -> list[str]:
    """Return one line an architecture and reason, with the methods that it holds for."""
    groups: dict[tuple[str, str], list[str]] = {}
    for cell in refused:
        reason = cell.reason.removeprefix(f"{cell.method} on ")
        groups.setdefault((cell.architecture, reason), []).append(cell.method)
    return [f"- {name}: {', '.join(methods)}: {_plain(reason)}" for (name, reason), methods in groups.items()]


def _plain(reason: str) -> str:
    """Escape what markdown would read as markup."""
    return "".join(f"\\{character}" if character in r"\`*_<>[]|" else character for character in reason)


def main() -> int:
    """Write the page, or say which cells are broken."""
    with ProcessPoolExecutor(2) as pool:
        cells = [cell for row in pool.map(_row, ARCHITECTURES) for cell in row]
    broken = [f"{cell.method} on {cell.architecture}: {cell.reason}\n" for cell in cells if cell.outcome == "broken"]
    if broken:
        sys.stderr.writelines(broken)
        return 1
    PAGE.write_text(page(cells), encoding="utf-8")
    sys.stdout.write(f"{len(cells)} cells written to {PAGE.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
