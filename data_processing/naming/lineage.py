"""Which family a model says it is of, by the best evidence that there is (METHODS 1.1).

In this order: its declared base model, the base that its adapter's config names, the architecture that its GGUF file
names, its config's model_type, its class, its name.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from data_processing.corpus import ModelRow
from data_processing.naming.grammar import fold
from data_processing.naming.known import KnownNames, squeeze, type_base_name
from data_processing.naming.names import ParsedName, is_template, parse_name

Evidence = Literal["base_model", "adapter_config", "gguf", "model_type", "architecture", "name"]
# Real lines have fewer than ten generations; the bound keeps a long chain from costing its square.
_MOST_GENERATIONS = 32
_LONGEST_CLASS = 100  # characters
_ADDRESS = re.compile(r"https?://[^/]*/")


@dataclass(frozen=True)
class NamedModel:
    """A model with its base name and where that comes from."""

    model: ModelRow
    name: ParsedName
    base_name: str
    evidence: Evidence


@dataclass(frozen=True)
class _Told:
    """What a model's own files tell of its family."""

    base_name: str
    evidence: Evidence


def name_models(models: Iterable[ModelRow], known: KnownNames) -> list[NamedModel]:
    """Return every model with its base name, in the given order; what a model is called depends on no order."""
    listed = list(models)
    lines = _Lines(listed, known)
    return [_named(model, lines, known) for model in listed]


def class_base_name(architecture: str, known: KnownNames) -> str | None:
    """Return the family of a class of transformers: the longest known name that it begins with; None = none does."""
    name = squeeze(architecture[:_LONGEST_CLASS])
    return next(
        (known.families[name[:stop]] for stop in range(len(name), 1, -1) if name[:stop] in known.families), None
    )


def _named(model: ModelRow, lines: "_Lines", known: KnownNames) -> NamedModel:
    name = lines.parsed(model.model_id)
    inherited = lines.inherited(model)
    if inherited is not None:
        return NamedModel(model, name, inherited, "base_model" if _declared(model) else "adapter_config")
    told = _told(model, name, known)
    return NamedModel(model, name, told.base_name, told.evidence)


def _told(model: ModelRow, name: ParsedName, known: KnownNames) -> _Told:
    if model.gguf_architecture:
        return _Told(_gguf_base_name(model.gguf_architecture, name, known), "gguf")
    if model.model_type:
        return _Told(type_base_name(model.model_type), "model_type")
    of_class = class_base_name(model.architecture, known) if model.architecture else None
    return _Told(of_class, "architecture") if of_class else _Told(name.base_name, "name")


def _gguf_base_name(architecture: str, name: ParsedName, known: KnownNames) -> str:
    """Return what `general.architecture` stands for; of several families that it may be, the one in the name."""
    if name.base_name in known.gguf_shared.get(architecture, ()):
        return name.base_name
    return known.families.get(squeeze(architecture), type_base_name(architecture))


def _declared(model: ModelRow) -> tuple[str, ...]:
    """Return the declared parents; none where a merge has more than the one that is known."""
    if model.base_models:
        return tuple(model.base_models.split("\n"))
    return (model.base_model,) if model.base_model and model.base_model_relation != "merge" else ()


def without_address(model_id: str) -> str:
    """Return an id that was written as the address of its page as an id."""
    return _ADDRESS.sub("", model_id.strip())


def _parents(model: ModelRow) -> tuple[str, ...]:
    return _declared(model) or ((model.adapter_base,) if model.adapter_base else ())


@dataclass(frozen=True)
class _Line:
    """The ancestors of a model, the nearest first; None = not listed. `closed` = it came back to where it had been."""

    ancestors: tuple[tuple[str, ModelRow | None], ...]
    closed: bool


class _Lines:
    """The lines of descent among listed models."""

    def __init__(self, models: Sequence[ModelRow], known: KnownNames) -> None:
        self._known = known
        self._parsed: dict[str, ParsedName] = {}
        self._by_id = _by_id(models)
        self._types_by_name: dict[str, Counter[str]] = defaultdict(Counter)
        for model in models:
            told = self._typed(model)
            if told is not None and not is_template(model.model_id):
                self._types_by_name[_last_part(model.model_id)][told] += 1

    def parsed(self, model_id: str) -> ParsedName:
        """Return what an id says; the ids of well-known parents are asked thousands of times."""
        if model_id not in self._parsed:
            self._parsed[model_id] = parse_name(model_id, self._known)
        return self._parsed[model_id]

    def inherited(self, model: ModelRow) -> str | None:
        """Return the base name that all of a model's parents agree on; None = they do not, or none tells.

        Children of a parent of unknown family are called as it is, unless they say themselves what they are.
        """
        lines = [self._line(parent, model) for parent in _parents(model)]
        lines = [line for line in lines if line.ancestors]
        found = {self._of_line(line, model) for line in lines}
        if len(found) != 1:
            return None
        agreed = found.pop()
        if agreed is not None or len(lines) > 1 or lines[0].closed or self._says_itself(model):
            return agreed
        return self.parsed(lines[0].ancestors[-1][0]).base_name

    def _line(self, parent: str, model: ModelRow) -> _Line:
        """Follow a parent while each has one parent only."""
        ancestors: list[tuple[str, ModelRow | None]] = []
        seen = {id(model), fold(model.model_id)}
        following: tuple[str, ...] = (parent,)
        while len(following) == 1 and len(ancestors) < _MOST_GENERATIONS:
            model_id = without_address(following[0])
            row = self._by_id.get(model_id) or self._by_id.get(fold(model_id))
            mark = fold(model_id) if row is None else id(row)
            if mark in seen:
                return _Line(tuple(ancestors), closed=True)
            seen.add(mark)
            ancestors.append((model_id, row))
            following = () if row is None else _parents(row)
        return _Line(tuple(ancestors), closed=False)

    def _of_line(self, line: _Line, model: ModelRow) -> str | None:
        """Return the family of the nearest ancestor whose files tell it, else of the oldest whose name does."""
        by_name = None
        for ancestor_id, row in line.ancestors:
            told = self._of_namesakes(ancestor_id, model) if row is None else self._typed(row)
            if told is not None:
                return told
            parsed = self.parsed(ancestor_id)
            by_name = parsed.base_name if parsed.recognised else by_name
        return by_name

    def _of_namesakes(self, model_id: str, child: ModelRow) -> str | None:
        """Return the one family that listed models of this name have, whoever owns them now; the child is not asked."""
        name = _last_part(model_id)
        types = self._types_by_name.get(name, Counter())
        if name == _last_part(child.model_id):
            types = types - Counter(filter(None, [self._typed(child)]))
        return next(iter(types)) if len(types) == 1 else None

    def _typed(self, model: ModelRow) -> str | None:
        if not (model.gguf_architecture or model.model_type or model.architecture):
            return None
        told = _told(model, self.parsed(model.model_id), self._known)
        return None if told.evidence == "name" else told.base_name

    def _says_itself(self, model: ModelRow) -> bool:
        return self.parsed(model.model_id).recognised or self._typed(model) is not None


def _last_part(model_id: str) -> str:
    return fold(model_id.rpartition("/")[2])


def _by_id(models: Iterable[ModelRow]) -> Mapping[str, ModelRow]:
    """Index models by id, and by id without case; of ids that differ only in case the first in order counts there."""
    ordered = sorted(models, key=lambda model: (model.model_id, model.source))
    index: dict[str, ModelRow] = {}
    for model in ordered:
        index.setdefault(model.model_id, model)
    for model in ordered:
        index.setdefault(fold(model.model_id), model)
    return index
