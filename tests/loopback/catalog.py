"""Listings of the loopback Hub: filters, orders, pages and the fields of a model."""

import json
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.loopback.models import HubModel

Parameters = dict[str, list[str]]
Key = tuple[float, str]  # what a listing is sorted by: the number, least first, then the id

_KEPT_ORDERS = 64  # different queries whose result is kept
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_CONFIG_FIELDS = ("architectures", "model_type", "auto_map", "quantization_config")


class BadQueryError(Exception):
    """A query that the Hub refuses with status 400."""


def _instant(text: str) -> float:
    """Return a number that orders dates of one form as they follow one another."""
    return int("".join(letter for letter in text if letter in "0123456789") or "0")


_SORTS: dict[str, Callable[[HubModel], float]] = {
    "downloads": lambda model: model.downloads,
    "likes": lambda model: model.likes,
    "createdAt": lambda model: _instant(model.created_at),
    "lastModified": lambda model: _instant(model.last_modified),
    "trendingScore": lambda model: model.trending,
}


def _card(model: HubModel) -> dict[str, Any] | None:
    card = {**({"license": model.license} if model.license else {}), **(model.card_data or {})}
    return card or None


def _config(model: HubModel) -> dict[str, Any] | None:
    if model.config is None:
        return None
    return {name: model.config[name] for name in _CONFIG_FIELDS if name in model.config}


def _safetensors(model: HubModel) -> dict[str, Any] | None:
    return None if model.parameters is None else {"parameters": {"F32": model.parameters}, "total": model.parameters}


_FIELDS: dict[str, Callable[[HubModel], Any]] = {
    "author": lambda model: model.author,
    "cardData": _card,
    "config": _config,
    "createdAt": lambda model: model.created_at,
    "disabled": lambda model: model.disabled,
    "downloads": lambda model: model.downloads,
    "gated": lambda model: "manual" if model.gated is True else model.gated,
    "gguf": lambda model: model.gguf and {**model.gguf},
    "lastModified": lambda model: model.last_modified,
    "library_name": lambda model: model.library,
    "likes": lambda model: model.likes,
    "pipeline_tag": lambda model: model.task,
    "private": lambda model: False,
    "safetensors": _safetensors,
    "sha": lambda model: model.sha,
    "siblings": lambda model: [{"rfilename": name} for name in model.file_names],
    "tags": lambda model: model.all_tags,
    "trendingScore": lambda model: model.trending,
}
# Fields that may be asked for and that none of our models has.
_VACANT = frozenset(
    {
        "baseModels",
        "childrenModelCount",
        "downloadsAllTime",
        "evalResults",
        "inference",
        "inferenceProviderMapping",
        "mask_token",
        "model-index",
        "resourceGroup",
        "spaces",
        "transformersInfo",
        "usedStorage",
        "widgetData",
    }
)
_LISTED = ("createdAt", "downloads", "library_name", "likes", "pipeline_tag", "private", "tags", "trendingScore")
_FULL = (*_LISTED, "author", "disabled", "gated", "lastModified", "sha", "siblings")
_ALL = (*_FULL, "cardData", "config", "gguf", "safetensors")


def described(model: HubModel, names: tuple[str, ...]) -> dict[str, Any]:
    """Return a model as JSON with these fields; what a model does not have is left out, as the Hub does it."""
    identity = {"_id": model.sha[:24], "id": model.model_id, "modelId": model.model_id}
    return identity | {name: value for name in names if (value := _FIELDS[name](model)) is not None}


def listed_fields(parameters: Parameters) -> tuple[str, ...]:
    """Return the fields that a listing gives. Raises `BadQueryError`."""
    if "expand" in parameters:
        return expanded_fields(parameters)
    switches = {"cardData": ("cardData",), "config": ("config",)}
    more = [names for switch, names in switches.items() if parameters.get(switch) == ["true"]]
    return (*(_FULL if parameters.get("full") == ["true"] else _LISTED), *(name for names in more for name in names))


def expanded_fields(parameters: Parameters) -> tuple[str, ...]:
    """Return the fields of a single model, or those of a listing with `expand`. Raises `BadQueryError`."""
    wanted = parameters.get("expand")
    if wanted is None:
        return _ALL
    unknown = [name for name in wanted if name not in _FIELDS and name not in _VACANT]
    if unknown:
        raise BadQueryError(f"expand: expected {', '.join(sorted({*_FIELDS, *_VACANT}))}, got {unknown[0]}")
    return tuple(name for name in wanted if name in _FIELDS)


@dataclass(frozen=True)
class Query:
    """Which models are listed and in which order; None = any."""

    task: str | None
    tags: frozenset[str]
    author: str | None
    search: str
    parameters: tuple[float, float] | None
    gated: bool | None
    sort: str
    descending: bool

    def finds(self, model: HubModel) -> bool:
        """Return whether a model passes the filters."""
        return (
            self.task in (None, model.task)
            and self.author in (None, model.author)
            and self.gated in (None, bool(model.gated))
            and self.search in model.model_id.lower()
            and (not self.tags or self.tags <= {*model.all_tags, model.library, model.task})
            and (self.parameters is None or self._has_size(model.parameters))
        )

    def _has_size(self, parameters: int | None) -> bool:
        low, high = self.parameters or (0, math.inf)
        return parameters is not None and low <= parameters <= high

    def key(self, model: HubModel) -> Key:
        """Return what a model is sorted by."""
        value = _SORTS[self.sort](model)
        return -value if self.descending else value, model.model_id


def parse_query(parameters: Parameters) -> Query:
    """Return the query of a listing. Raises `BadQueryError`."""

    def one(name: str) -> str | None:
        return parameters[name][0] if name in parameters else None

    sort = one("sort") or "trendingScore"
    if sort not in _SORTS:
        raise BadQueryError(f"sort: expected one of {', '.join(_SORTS)}, got {sort}")
    return Query(
        task=one("pipeline_tag"),
        tags=frozenset(tag for text in parameters.get("filter", []) for tag in text.split(",")),
        author=one("author"),
        search=(one("search") or "").lower(),
        parameters=_bounds(one("num_parameters")),
        gated={"true": True, "false": False}.get(one("gated") or ""),
        sort=sort,
        descending=one("direction") != "1",
    )


def _bounds(text: str | None) -> tuple[float, float] | None:
    """Return the least and the greatest number of parameters that `min:6B,max:128B` asks for."""
    if text is None:
        return None
    bounds = {"min": 0.0, "max": math.inf}
    for part in text.split(","):
        match = re.fullmatch(r"(min|max):(\d+(?:\.\d+)?)([KMBT]?)", part)
        if match is None:
            raise BadQueryError(f"num_parameters: expected such as min:6B,max:128B, got {text}")
        bounds[match[1]] = float(match[2]) * _UNITS[match[3]]
    return bounds["min"], bounds["max"]


@dataclass(frozen=True)
class Page:
    """A page of a listing; `cursor` leads to the next one, None = this is the last."""

    models: list[HubModel]
    cursor: str | None


def write_cursor(key: Key) -> str:
    """Return the cursor to what comes after a key. It depends on nothing else, so it stays valid."""
    return urlsafe_b64encode(json.dumps(key).encode()).decode()


def read_cursor(cursor: str) -> Key:
    """Return the key in a cursor. Raises `BadQueryError`."""
    try:
        number, model_id = json.loads(urlsafe_b64decode(cursor))
    except (Base64Error, ValueError, TypeError) as error:
        raise BadQueryError("Invalid cursor") from error
    if not isinstance(number, int | float) or not isinstance(model_id, str):
        raise BadQueryError("Invalid cursor")
    return number, model_id


@dataclass(frozen=True)
class _Order:
    keys: list[Key]
    models: list[HubModel]


class Catalog:
    """Models that can be listed; `models` may change between two requests."""

    def __init__(self, models: dict[str, HubModel]) -> None:
        self.models = models
        self._seen: list[HubModel] = []
        self._orders: dict[Query, _Order] = {}

    def page(self, query: Query, cursor: str | None, length: int) -> Page:
        """Return the `length` models that follow a cursor. Raises `BadQueryError`."""
        order = self._order(query)
        start = bisect_right(order.keys, read_cursor(cursor)) if cursor else 0
        end = start + length
        following = write_cursor(order.keys[end - 1]) if end < len(order.keys) else None
        return Page(order.models[start:end], following)

    def _order(self, query: Query) -> _Order:
        """Return what a query finds, sorted; sorted anew only after the models have changed."""
        models = [*self.models.values()]
        # Compares identities first, so that this is a matter of microseconds where nothing changed.
        if models != self._seen or len(self._orders) >= _KEPT_ORDERS:
            self._seen, self._orders = models, {}
        if query not in self._orders:
            found = sorted((model for model in models if query.finds(model)), key=query.key)
            self._orders[query] = _Order([query.key(model) for model in found], found)
        return self._orders[query]
