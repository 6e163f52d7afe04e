"""Independent readings of module rows, and short ways to build one config."""

import re
from collections import Counter

from model_extract.readers.meta_device import read
from model_extract.reading import ReadRequest, Refusal, Structure
from store.records import ModuleRecord


def expanded_names(rows: list[ModuleRecord]) -> Counter[str]:
    """Write out every row's path: an oracle for folding that knows nothing of trees."""
    names: Counter[str] = Counter()
    for row in rows:
        paths = [""]
        for part in row.path.split("."):
            run = re.fullmatch(r"(\d+)-(\d+)", part)
            parts = [str(number) for number in range(int(run[1]), int(run[2]) + 1)] if run else [part]
            paths = [f"{path}.{name}".lstrip(".") for path in paths for name in parts]
        names.update(path for path in paths if path)
    return names


def build(config: dict, max_modules: int = 100_000) -> Structure:
    found = read(ReadRequest(config, max_modules))
    assert isinstance(found, Structure), found
    return found


def refuse(config: dict, max_modules: int = 100_000) -> Refusal:
    found = read(ReadRequest(config, max_modules))
    assert isinstance(found, Refusal)
    return found


def added_up(rows: list[ModuleRecord]) -> int:
    """Add the rows' parameters, each times the repeats of its ancestors: what a reader of the table would do."""
    times: dict[str | None, int] = {None: 1}
    total = 0
    for row in rows:
        times[row.path] = times[row.parent] * row.repeats
        total += times[row.path] * row.n_parameters
    return total
