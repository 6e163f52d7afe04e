"""What a model is fed for one forward: by the names that its `forward` takes, `inputs.toml` and its config."""

import inspect
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from model_extract.traits import value_of

if TYPE_CHECKING:
    from torch import nn

INPUTS_FILE = Path(__file__).resolve().parent / "inputs.toml"
TEXT_LENGTH = 7  # tokens of text: unlike any width
Kind = Literal["tokens", "token_types", "float", "floats", "long", "ones", "bool", "plain"]
_SPECIAL_TOKENS = ("token_id", "token_index", "token_ids")


@dataclass(frozen=True)
class Input:
    """One argument of a forward. `values` are nested lists of integers; None = any."""

    name: str
    kind: Kind
    shape: tuple[int, ...]
    values: Any = None


def fed_inputs(model: "nn.Module", config: Any, layout: int, placeholders: Mapping[str, int]) -> tuple[Input, ...]:
    """Return what to feed.

    `layout` counts the arrangements of axes that `inputs.toml` knows for a name, from 0; the last one stands for those
    above. `placeholders` says how many tokens of the text stand for each modality.
    """
    exception = _exception(config)
    parameters = _parameters(model)
    chosen: list[Input] = []
    for name in parameters:
        entry = _entry(name, parameters, exception)
        if entry is not None and name not in exception.get("omit", ()):
            chosen.append(_made(name, entry, _Sizes(config, entry, exception), layout, placeholders))
    return tuple(chosen)


def n_layouts(model: "nn.Module", config: Any) -> int:
    """Return how many layouts are worth a trial."""
    exception, parameters = _exception(config), _parameters(model)
    entries = [_entry(name, parameters, exception) for name in parameters]
    return max((len(entry.get("layouts", [])) for entry in entries if entry), default=1) or 1


def main_inputs(model: "nn.Module", inputs: Sequence[Input]) -> tuple[Input, ...]:
    """Return the inputs that a model cannot do without: its main one, those without a default and the decoder's."""
    main = getattr(model, "main_input_name", None)
    names = {main} if isinstance(main, str) else set()
    parameters = _parameters(model)
    needed = names | {name for name, required in parameters.items() if required} | {"decoder_input_ids"}
    return tuple(fed for fed in inputs if fed.name in needed or fed.kind == "plain")


def _parameters(model: "nn.Module") -> dict[str, bool]:
    """Return what `forward` takes: name -> whether it has no default."""
    taken = inspect.signature(type(model).forward).parameters.values()
    named = [one for one in taken if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) and one.name != "self"]
    return {one.name: one.default is inspect.Parameter.empty for one in named}


def _entry(name: str, parameters: Mapping[str, bool], exception: Mapping[str, Any]) -> dict[str, Any] | None:
    own = exception.get("inputs", {}).get(name)
    if own is not None:
        return own
    for entry in _table()["inputs"]:
        others_fit = all(other in parameters for other in entry.get("with", ()))
        if name in entry["names"] and others_fit and not any(other in parameters for other in entry.get("without", ())):
            return entry
    return None


def _made(name: str, entry: Mapping[str, Any], sizes: "_Sizes", layout: int, placeholders: Mapping[str, int]) -> Input:
    kind: Kind = entry["kind"]
    if kind in ("tokens", "token_types"):
        length = int(entry.get("length", TEXT_LENGTH))
        text = _text(sizes, length, placeholders)
        values = [token if kind == "tokens" else token_type for token, token_type in text]
        return Input(name, "long", (1, len(values)), [values])
    if kind == "plain":
        return Input(name, kind, (), entry["values"])
    if "values" in entry:
        values = sizes.filled(entry["values"])
        return Input(name, kind, _shape(values), values)
    layouts = entry["layouts"]
    shape = tuple(sizes.number(axis) for axis in layouts[min(layout, len(layouts) - 1)])
    return Input(name, kind, shape)


def _shape(values: Any) -> tuple[int, ...]:
    return (len(values), *_shape(values[0])) if isinstance(values, list) else ()


def _text(sizes: "_Sizes", length: int, placeholders: Mapping[str, int]) -> list[tuple[int, int]]:
    """Return token ids with their type: placeholders of other modalities amid `length` ordinary tokens of type 0."""
    plain = [(sizes.plain_token(), 0)] * length
    placed = [pair for modality, count in placeholders.items() for pair in sizes.placeholders(modality, count)]
    return [*plain[: length // 2], *placed, *plain[length // 2 :]]


class _Sizes:
    """Finds sizes in a config: first in the parts for the entry's modality, then at the top, then anywhere."""

    def __init__(self, config: Any, entry: Mapping[str, Any], exception: Mapping[str, Any]) -> None:
        self._own = exception.get("sizes", {})
        self._parts = list(_parts(config, _table()["modalities"].get(entry.get("modality", "text"), [])))
        self._open: set[str] = set()

    def filled(self, values: Any) -> Any:
        """Return nested lists with each expression replaced by its number."""
        return [self.filled(value) for value in values] if isinstance(values, list) else self.number(values)

    def number(self, expression: int | str) -> int:
        """Return the value of a number, the name of a size or a sum of products of such; "/" rounds down."""
        if isinstance(expression, int):
            return expression
        return sum(self._product(product) for product in expression.split("+"))

    def plain_token(self) -> int:
        """Return the smallest token id from 3 on that no part of the config names."""
        special = {number for part in self._parts for number in _special_tokens(part)}
        return next(token for token in range(3, 3 + len(special) + 1) if token not in special)

    def placeholders(self, modality: str, count: int) -> list[tuple[int, int]]:
        """Return one run of placeholders with their type; none for a model that has no such token."""
        names = _table()["placeholders"][modality]
        token, start, end = (self._found(names.get(role, ()), 0) for role in ("token", "start", "end"))
        if token is None:
            return []
        before, after = ([] if around is None else [(around, 0)] for around in (start, end))
        return [*before, *([(token, names["type"])] * count), *after]

    def _product(self, product: str) -> int:
        first, *others = re.split("([*/])", product)
        total = self._factor(first)
        for operator, factor in zip(others[::2], others[1::2], strict=True):
            value = self._factor(factor)
            total = total * value if operator == "*" else total // max(value, 1)
        return total

    def _factor(self, factor: str) -> int:
        if factor.isdecimal():
            return int(factor)
        if factor in self._own and factor not in self._open:
            return self._of_exception(factor)
        size = _table()["sizes"][factor]
        found = self._found(size["keys"], size.get("axis", 0))
        return size["default"] if found is None else found

    def _of_exception(self, factor: str) -> int:
        """Return a size that an exception says anew; inside its own definition a name has its general meaning."""
        self._open.add(factor)
        try:
            return self.number(self._own[factor])
        finally:
            self._open.remove(factor)

    def _found(self, keys: Sequence[str], axis: int) -> int | None:
        for key in keys:
            for part in self._parts:
                number = _number(value_of(part, key), axis)
                if number is not None:
                    return number
        return None


def _number(value: Any, axis: int) -> int | None:
    """Return an integer, or the one on an axis (-1 = the last) of a list or of a mapping with height and width."""
    if isinstance(value, Mapping):
        value = [value.get("height"), value.get("width")]
    if isinstance(value, list | tuple):
        value = value[min(axis, len(value) - 1)] if value else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _parts(config: Any, words: Sequence[str]) -> Iterator[Any]:
    """Yield the parts of a config whose name has one of the words, then the config itself, then its other parts."""
    inner = list(_inner(config))
    ours = [part for name, part in inner if any(word in name for word in words)]
    yield from ours
    yield config
    yield from (part for _, part in inner if all(part is not one for one in ours))


def _inner(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    from transformers import PreTrainedConfig

    for name, value in vars(config).items():
        if isinstance(value, PreTrainedConfig):
            yield prefix + name, value
            yield from _inner(value, prefix + name + ".")


def _special_tokens(part: Any) -> Iterator[int]:
    for name, value in vars(part).items():
        if name.endswith(_SPECIAL_TOKENS):
            yield from (one for one in (value if isinstance(value, list | tuple) else [value]) if isinstance(one, int))


def _exception(config: Any) -> Mapping[str, Any]:
    model_type = value_of(config, "model_type")
    for exception in _table()["exceptions"]:
        if model_type in exception["types"]:
            return exception
    return {}


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(INPUTS_FILE.read_text(encoding="utf-8"))
