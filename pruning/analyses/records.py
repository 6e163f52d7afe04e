"""What a redundancy analysis is, what it looks at, and what it finds. Values only."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pruning.adapters.parts import Adapter

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Options = TypeVar("Options")
# What an analysis reads beside the weights: nothing, the calibration text, or held-out text to measure damage on.
Reads = Literal["weights", "calibration", "evaluation"]


@dataclass(frozen=True)
class Finding:
    """One number: a row of the table `redundancy`, whose columns these fields are.

    Findings of one `component` are measured and stored together. Layers and heads are counted from 0.
    """

    component: str
    measure: str
    value: float
    unit: str
    variant: str | None = None
    target: str | None = None
    layer: int | None = None
    other_layer: int | None = None
    head: int | None = None
    other_head: int | None = None
    x: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Piece:
    """One component: its findings, or why it cannot be measured (the others still are)."""

    component: str
    findings: tuple[Finding, ...]
    refusal: str | None = None


@dataclass(frozen=True)
class Subject:
    """A dense model to analyse. It comes back bit by bit as it was, whatever an analysis does to it meanwhile.

    `calibration` and `evaluation` are windows of token ids; the one that the analysis does not read may be empty.
    `finished` are components that were measured before: they may be left out, and are dropped when they are not.
    """

    model: "PreTrainedModel"
    adapter: Adapter
    calibration: Sequence[Sequence[int]]
    evaluation: Sequence[Sequence[int]]
    seed: int = 0
    finished: Collection[str] = ()

    def has_all(self, components: Iterable[str]) -> bool:
        """Return whether there are components and all of them are finished."""
        wanted = {*components}
        return bool(wanted) and wanted.issubset(self.finished)


@dataclass(frozen=True)
class Analysis(Generic[Options]):
    """An analysis. `source` is a paper with its section, or the reason for it.

    `options` is a frozen dataclass with defaults; `fixed` names those of its fields that change a number rather than
    the choice of what is measured: two runs that differ in one of them are different analyses. `files` are those of
    `fixed` that are paths: it is what the file holds that counts. `drawn`: a seed changes its numbers, beside the one
    that draws the calibration text. `measure` yields the pieces in the order of their use, one as soon as it is
    measured. It raises `UnsupportedModelError` before the first one when it does not fit the model and `NotFiniteError`
    for NaN or infinite numbers.
    """

    name: str
    version: int
    source: str
    reads: Reads
    options: type[Options]
    measure: Callable[[Subject, Options], Iterator[Piece]]
    fixed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    drawn: bool = False

    def fixed_values(self, options: Options) -> Mapping[str, Any]:
        """Return the options that change numbers, by name."""
        return {name: getattr(options, name) for name in self.fixed}
