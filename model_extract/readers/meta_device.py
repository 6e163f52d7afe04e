"""config.json -> transformers class -> module tree, on torch's meta device: whole trees, no weights, no remote code.

Runs in a child process with limits. torch.device("meta"): https://pytorch.org/docs/stable/meta.html
"""

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from model_extract.auto_classes import base_class_names, class_names, registered_types
from model_extract.config import OWN_CODE
from model_extract.config_keys import allowed_config
from model_extract.failures import UnreadableError
from model_extract.readers.sentence_parts import joined
from model_extract.reading import ReadRequest, Refusal, Structure, structure_of
from model_extract.shapes import trace_shapes
from model_extract.size import check_counts, module_limit
from model_extract.text import storable
from model_extract.traits import read_traits, text_config, value_of
from model_extract.tree import (
    check_count,
    fold,
    read_tree,
)
from pipeline.engines import ran_out_of_memory
from store.records import ExtractionReason

if TYPE_CHECKING:
    from torch import nn

PROVENANCE = "config"
_CLASS_NAME = re.compile(r"[A-Za-z]\w{0,127}", re.ASCII)
# How Python says that a value is not there.
_MISSING_VALUE = re.compile(
    r"NoneType|Config' object has no attribute|needs? to be specified|must be specified|missing \d+ required"
)
_MOST_PARAMETERS = 2**63 - 1  # what the store's BIGINT holds
_WIDEST = 2**31 - 1  # ... and its INTEGER
_PACKAGE = re.compile(r"requires? the (?P<needed>[\w.-]+) library|No module named '(?P<absent>[\w.-]+)'")


def read(request: ReadRequest) -> Structure | Refusal:
    """Return the structure that a canonical config builds, or why it builds none."""
    try:
        _check_type(request.config)
        config = allowed_config(request.config)
        check_counts(config, request.max_modules)
        if request.parts:  # what follows takes hidden states: the model has no head
            config = {**config, "architectures": list(base_class_names(config["model_type"]))}
        return _build_first(replace(request, config=config), own_code=OWN_CODE in request.config)
    except UnreadableError as error:
        return Refusal(error.reason, error.detail)


# The second module imports torch's compiler, which makes a folder for its cache: no child could.
PRELOAD = ("torch", "transformers.modeling_layers", "transformers.models.auto.modeling_auto", __name__)


def describe(model: "nn.Module", config: Any, note: str | None) -> Structure:
    """Return the folded structure of a built model.

    Raises `MiscountError` when the rows' parameters do not add up to the model's, and `UnreadableError` with
    `config_too_big` for numbers that the store cannot hold.
    """
    tree = read_tree(model)
    folded = fold(tree)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    check_count(folded, n_parameters)
    hidden_size = _hidden_size(config)
    _check_storable(n_parameters, hidden_size)
    traits = read_traits(model, config, tree)
    return structure_of(
        folded, PROVENANCE, traits, hidden_size=hidden_size, architecture=type(model).__name__, note=note
    )


def _hidden_size(config: Any) -> int | None:
    value = value_of(text_config(config), "hidden_size")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _check_storable(n_parameters: int, hidden_size: int | None) -> None:
    if n_parameters > _MOST_PARAMETERS:
        raise UnreadableError("config_too_big", f"{n_parameters:,} parameters; the limit is {_MOST_PARAMETERS:,}")
    if hidden_size is not None and abs(hidden_size) > _WIDEST:
        raise UnreadableError("config_too_big", f"hidden_size {hidden_size:,}; the limit is {_WIDEST:,}")


def _check_type(config: dict[str, Any]) -> None:
    model_type = config.get("model_type")
    if model_type in registered_types():
        return
    if isinstance(model_type, str) and storable(model_type) != model_type:
        raise UnreadableError("bad_config", f"model_type {model_type!r} is no valid Unicode text")
    if OWN_CODE in config:
        raise UnreadableError("remote_code", f"model_type {model_type!r} is defined by the repository's own code")
    if not isinstance(model_type, str):
        raise UnreadableError("unknown_type", "the config names no model_type")
    raise UnreadableError("unknown_type", f"the installed transformers knows no model_type {model_type!r}")


def _build_first(request: ReadRequest, *, own_code: bool) -> Structure:
    """Build the first class that can be built; those that failed before it are named in the note."""
    failures: list[tuple[str, UnreadableError]] = []
    for model_class in _candidates(request.config):
        try:
            model, config = _build(model_class, request)
            _check_whole(model)
        except UnreadableError as error:
            failures.append((model_class.__name__, error))
            if error.reason in ("config_too_big", "out_of_memory"):
                break
            continue
        note = _note(request.config, model_class.__name__, failures, own_code=own_code)
        if request.parts:
            return replace(describe(joined(model, request.parts), config, note), architecture=model_class.__name__)
        structure = describe(model, config, note)
        return structure if request.shape_seconds is None else _traced(structure, model, config, request.shape_seconds)
    if failures:
        errors = [error for _, error in failures]
        raise next((error for error in errors if error.reason != "component"), errors[0])
    raise UnreadableError("component", "no auto class builds this type: it is a part of another model")


def _traced(structure: Structure, model: "nn.Module", config: Any, seconds: float) -> Structure:
    """Return a structure with the shapes that one forward on the meta device shows."""
    with _offline():
        return replace(structure, trace=trace_shapes(model, config, seconds))


def _check_whole(model: "nn.Module") -> None:
    """Raise `UnreadableError` with `component` for a class that builds nothing, such as the abstract base of a type."""
    if next(model.children(), None) is None or next(model.parameters(), None) is None:
        raise UnreadableError(
            "component", f"{type(model).__name__} has no modules with parameters: it is no whole model"
        )


def _note(
    config: dict[str, Any], built: str, failures: list[tuple[str, UnreadableError]], *, own_code: bool
) -> str | None:
    """Return what is worth knowing beside the structure: a function of the config alone."""
    notes = ["the repository's own code was not run"] if own_code else []
    notes.extend(f"{name} does not build ({error.detail})" for name, error in failures)
    names = _named(config)
    if names and built not in names and not failures:
        notes.append(f"built as {built}: transformers has no class {names[0]!r:.140} for this type")
    return "; ".join(notes) or None


def _candidates(config: dict[str, Any]) -> Iterator[type]:
    """Yield the classes to try: those the config names, then those of the auto classes."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config_class = CONFIG_MAPPING[config["model_type"]]
    names = _named(config)
    for name in dict.fromkeys([*names, *class_names(config["model_type"])]):
        model_class = _library_class(config["model_type"], name)
        # A name from outside must belong to the config; the auto classes' own names are taken as they are.
        if model_class is not None and (name not in names or _takes(model_class, config_class)):
            yield model_class


def _named(config: dict[str, Any]) -> list[str]:
    """Return the model classes that a config names."""
    named = config.get("architectures")
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def _takes(model_class: type, config_class: type) -> bool:
    """Return whether a model class is made for a config class; one that only names a missing package may be."""
    if _is_placeholder(model_class):
        return True
    expected = getattr(model_class, "config_class", None)
    return isinstance(expected, type) and issubclass(config_class, expected)


def _library_class(model_type: str, name: str) -> type | None:
    """Return a model class of the installed transformers by name, or None."""
    import transformers
    from transformers.models.auto.configuration_auto import model_type_to_module_name

    if not _CLASS_NAME.fullmatch(name):
        return None
    package = importlib.import_module(f"transformers.models.{model_type_to_module_name(model_type)}")
    found = getattr(package, name, None) or getattr(transformers, name, None)
    is_model = isinstance(found, type) and (issubclass(found, transformers.PreTrainedModel) or _is_placeholder(found))
    return found if is_model else None


def _is_placeholder(found: type) -> bool:
    """Return whether transformers put a class that only names a missing package in the place of the real one."""
    from transformers.utils.import_utils import DummyObject

    return isinstance(found, DummyObject)


def _build(model_class: type, request: ReadRequest) -> tuple["nn.Module", Any]:
    """Build one class on the meta device.

    The one guarded boundary of this stage: several hundred third-party constructors can raise anything.
    """
    import torch
    from transformers.initialization import no_init_weights
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        with _offline(), torch.device("meta"), no_init_weights(), module_limit(request.max_modules):
            config = CONFIG_MAPPING[request.config["model_type"]].from_dict(request.config)
            model = model_class(config)
        model.tie_weights()  # part of the initialisation that was left out
        return model, config
    except UnreadableError:
        raise
    except Exception as error:  # the boundary
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UnreadableError(_reason(error), _with_package(text)) from error


@contextmanager
def _offline() -> Iterator[None]:
    """Let no constructor fetch a file from the Hub, and let the library keep its warnings to itself."""
    from huggingface_hub import constants
    from transformers.utils import logging

    offline, no_token = constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_IMPLICIT_TOKEN
    verbosity = logging.get_verbosity()
    constants.HF_HUB_OFFLINE = constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
    logging.set_verbosity_error()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = offline, no_token
        logging.set_verbosity(verbosity)


def _reason(error: Exception) -> ExtractionReason:
    from huggingface_hub.errors import StrictDataclassError

    if ran_out_of_memory(error):
        return "out_of_memory"
    if isinstance(error, ImportError):
        return "missing_dependency"
    wrong_value = isinstance(error, StrictDataclassError)  # its text names types, also NoneType
    return "incomplete_config" if not wrong_value and _MISSING_VALUE.search(str(error)) else "bad_config"


def _with_package(text: str) -> str:
    match = _PACKAGE.search(text)
    return f"[{match['needed'] or match['absent']}] {text}" if match else text
