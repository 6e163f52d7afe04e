"""Toy analyses: numbers that say nothing, at a chosen speed, in every way in which an analysis can end."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from pruning.analyses import Analysis, Finding, Piece, Subject
from pruning.errors import UnsupportedModelError


@dataclass(frozen=True)
class ToyOptions:
    """`count` components, each after `pause` seconds; `offset` changes the numbers, the others choose or spoil."""

    count: int = 6
    pause: float = 0.0
    offset: float = 0.0
    words: tuple[str, ...] = ()
    refused: int | None = None
    spoiled: int | None = None
    refuses: bool = False


def measure_toy(subject: Subject, options: ToyOptions) -> Iterator[Piece]:
    """Yield a piece a number; the numbers stand for a model's weights, which are changed meanwhile."""
    if options.refuses:
        raise UnsupportedModelError("expected another model")
    parameter = next(iter(subject.model.parameters()))
    before = parameter.data.clone()
    try:
        for number in range(options.count):
            name = f"number {number}"
            if name in subject.finished:
                continue
            parameter.data.add_(1)
            time.sleep(options.pause)
            yield _piece(name, number, options)
            parameter.data.copy_(before)
    finally:
        parameter.data.copy_(before)


def _piece(name: str, number: int, options: ToyOptions) -> Piece:
    if number == options.refused:
        return Piece(name, (), "no such number")
    value = float("nan") if number == options.spoiled else number + options.offset
    found = [Finding(name, measure, value, "1", target="mlp", layer=number) for measure in ("first", "second")]
    return Piece(name, tuple(found))


TOY = Analysis("toy", 1, "for tests", "weights", ToyOptions, measure_toy, fixed=("offset",))
SEEING = Analysis("seeing", 1, "for tests", "calibration", ToyOptions, measure_toy, fixed=("offset",))
