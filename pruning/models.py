"""From a model's name to its weights in memory. Nothing but safetensors and JSON is read; no remote code is run."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.engines import ran_out_of_memory
from pipeline.errors import UsageError
from pruning.errors import UnsupportedModelError
from pruning.json_file import read_object
from pruning.reference import REFERENCE_MODELS, model_folder
from pruning.workspace import recover_beside

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB_FILES = ("*.safetensors", "*.safetensors.index.json", "*.json", "tokenizer.model", "*.txt", "README.md")
_HALF_TYPES = {"F16": "float16", "BF16": "bfloat16"}
_CLASS_NAME = re.compile(r"[A-Z]\w*")
# For configs that name no class: masked before causal, because every BERT-like encoder can also be told to decode.
_AUTO_CLASSES = (
    "AutoModelForSpeechSeq2Seq",
    "AutoModelForImageTextToText",
    "AutoModelForSeq2SeqLM",
    "AutoModelForMaskedLM",
    "AutoModelForCausalLM",
    "AutoModelForImageClassification",
    "AutoModelForCTC",
    "AutoModel",
)
# Keys of what is built one by one: a config with a billion layers would be built until memory ends.
_COUNTED = re.compile(r"(num|n)_(\w+_)?(layers?|blocks?|experts)|(\w+_)?layers")
_MOST_COUNTED = 10_000
_MAX_HEADER_BYTES = 100_000_000  # the safetensors format's own limit


@dataclass(frozen=True)
class Checkpoint:
    """A folder with config.json and safetensors weights, and the name under which people know it."""

    name: str
    folder: Path


def resolve(name: str, *, offline: bool = False) -> Checkpoint:
    """Return the checkpoint that a name means: a folder, `reference/NAME` or NAME, or an OWNER/NAME of the Hub.

    Raises `UsageError` before anything is loaded when there is no such thing or it holds no safetensors.
    """
    if name.startswith("reference/") or name in REFERENCE_MODELS:
        return _checked(Checkpoint(name, _reference_folder(name.removeprefix("reference/"))))
    folder = Path(name).expanduser()
    if not folder.exists():
        recover_beside(folder)
    if folder.is_dir():
        return _checked(Checkpoint(folder.resolve().name, folder))
    if _HUB_ID.fullmatch(name) and not folder.exists():
        return _checked(Checkpoint(name, _hub_folder(name, offline=offline)))
    raise UsageError(_unknown_model(name))


def load_model(folder: Path) -> "PreTrainedModel":
    """Load a model in fp32 on the CPU, ready for inference: as the class that its config names (`model_class`).

    Raises `UnsupportedModelError` when the folder does not hold all of the model's weights: what is missing would be
    filled with random numbers.
    """
    check_config(folder)
    with quiet():
        model, report = _from_pretrained(folder)
    lacking = sorted([*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])])
    if lacking:
        raise UnsupportedModelError(
            f"{folder.name}: expected weights for all of {type(model).__name__}, {len(lacking)} are missing or of "
            f"another shape, first {lacking[0]!r}"
        )
    return model.eval()


def model_class(config: "PreTrainedConfig") -> "type[PreTrainedModel]":
    """Return the class of transformers for a config: what `architectures` names, else what an auto class takes.

    Raises `UnsupportedModelError` when transformers has neither; code from outside is never run.
    """
    import transformers

    named = [getattr(transformers, name, None) for name in config.architectures or () if _CLASS_NAME.fullmatch(name)]
    for found in named:
        if isinstance(found, type) and issubclass(found, transformers.PreTrainedModel) and _takes(found, config):
            return found
    for auto in _AUTO_CLASSES:
        found = getattr(transformers, auto)._model_mapping.get(type(config), None)
        if found is not None:
            return found[0] if isinstance(found, tuple) else found
    raise UnsupportedModelError(
        f"looked for a class of the installed transformers for {type(config).__name__} "
        f"(architectures {config.architectures or 'not given'}); there is none"
    )


def read_config(folder: Path) -> "PreTrainedConfig":
    """Return the config of a checkpoint as transformers reads it. Raises `UnsupportedModelError`."""
    from transformers import AutoConfig

    with guarded(f"{folder.name}: transformers cannot read its config"):
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """Return the tokenizer in a checkpoint folder. Raises `UnsupportedModelError`; code from outside is never run."""
    from transformers import AutoTokenizer

    with guarded(f"{folder.name}: transformers cannot read its tokenizer"), quiet():
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def empty_model(config: "PreTrainedConfig", built_as: "type[PreTrainedModel] | None" = None) -> "PreTrainedModel":
    """Return the model of a config as it would be read back, on the meta device: shapes without memory for weights.

    `built_as` is the class; None = what the config names (`model_class`). Raises `UnsupportedModelError`.
    """
    import torch
    from transformers.initialization import no_init_weights

    found = built_as or model_class(config)
    building = guarded(f"transformers cannot build {found.__name__}")
    with building, quiet(), torch.device("meta"), no_init_weights():
        model = found(type(config).from_dict(config.to_dict()))
    model.tie_weights()  # part of the initialisation that was left out
    return model.eval()


def _takes(found: "type[PreTrainedModel]", config: "PreTrainedConfig") -> bool:
    expected = getattr(found, "config_class", None)
    return isinstance(expected, type) and isinstance(config, expected)


@contextmanager
def guarded(failed: str) -> Iterator[None]:
    """Turn whatever transformers raises into `UnsupportedModelError`; `failed` says what it could not do.

    Want of memory stays what it is: it says nothing of the model. The boundary is guarded, because broken files and
    several hundred third-party constructors can raise anything.
    """
    try:
        yield
    except Exception as error:  # the boundary
        if ran_out_of_memory(error):
            raise
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UnsupportedModelError(f"{failed}: {why[:400]}") from error


def _from_pretrained(folder: Path) -> Any:
    """Load a model and what transformers reports of it: (PreTrainedModel, dict), which its types do not say."""
    import torch

    config = read_config(folder)
    found = model_class(config)
    with guarded(f"{folder.name}: transformers cannot load it"):
        return found.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from drawing progress bars and printing reports of its own."""
    from transformers.utils import logging

    were_on, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if were_on:
            logging.enable_progress_bar()


def stored_dtype(folder: Path) -> "torch.dtype":
    """Return fp16 or bf16 when all weights of a checkpoint are stored so, fp32 otherwise."""
    import torch

    found = {kind for file in sorted(folder.glob("*.safetensors")) for kind in _tensor_types(file)}
    return getattr(torch, _HALF_TYPES.get(found.pop(), "float32")) if len(found) == 1 else torch.float32


def weight_bytes(folder: Path) -> int:
    """Return the size of a checkpoint's safetensors files, bytes."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def check_config(folder: Path) -> dict[str, Any]:
    """Return the config of a folder. Raises `UsageError` for no or broken JSON, `UnsupportedModelError` when it asks
    for quantised weights, for an implementation that would be fetched as code, or for more layers than can be built."""
    config = read_object(folder / "config.json")
    if config.get("quantization_config"):
        raise UnsupportedModelError(f"{folder.name}: quantised weights cannot be pruned; give the unquantised model")
    for key, value in config.items():
        # Such a value names a kernel on the Hub, which is code.
        if "implementation" in key and isinstance(value, str) and "/" in value:
            raise UnsupportedModelError(f"{folder.name}: config key {key!r} asks for code from outside: {value!r}")
    for key, value in _pairs(config):
        if _COUNTED.fullmatch(key) and isinstance(value, int) and value > _MOST_COUNTED:
            raise UnsupportedModelError(f"{folder.name}: expected at most {_MOST_COUNTED:,} as {key}, got {value:,}")
    return config


def _pairs(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of a config and of the configs in it."""
    for key, value in config.items():
        yield key, value
        if isinstance(value, dict):
            yield from _pairs(value)


def _reference_folder(name: str) -> Path:
    if name not in REFERENCE_MODELS:
        raise UsageError(_unknown_model(f"reference/{name}"))
    return model_folder(name)


def _checked(checkpoint: Checkpoint) -> Checkpoint:
    """Refuse what cannot be loaded before the heavy libraries are imported."""
    folder = checkpoint.folder
    if not (folder / "config.json").is_file():
        raise UsageError(f"model {checkpoint.name!r}: expected config.json in {str(folder)!r}; there is none")
    check_config(folder)
    if not any(folder.glob("*.safetensors")):
        raise UsageError(
            f"model {checkpoint.name!r}: expected safetensors weights in {str(folder)!r}; there are none (pickles are "
            "never opened)"
        )
    return checkpoint


def _hub_folder(name: str, *, offline: bool) -> Path:
    """Fetch the weights, config and tokenizer of a Hub model, or take them from the local cache."""
    from hub import Hub, HubError, Policy

    try:
        with Hub(Policy()) as hub:
            return hub.snapshot(name, _HUB_FILES, offline=offline)
    except HubError as error:
        raise UsageError(f"{_unknown_model(name)}. The Hub says: {error.detail}") from error


def _unknown_model(name: str) -> str:
    known = [f"reference/{known}" for known in REFERENCE_MODELS]
    near = get_close_matches(name.rpartition("/")[2], REFERENCE_MODELS, n=2, cutoff=0.5)
    hint = f" Did you mean {' or '.join(f'reference/{match}' for match in near)}?" if near else ""
    return (
        f"no model {name!r}.{hint} Expected a folder with config.json and safetensors, one of {', '.join(known)}, "
        "or an OWNER/NAME that the Hub or its local cache has"
    )


def _tensor_types(file: Path) -> set[str]:
    """Return the dtypes named in a safetensors header. Raises `UsageError` for a file that is none."""
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > min(_MAX_HEADER_BYTES, file.stat().st_size):
            raise UsageError(f"{str(file)!r} is no safetensors file: its header claims {size:,} bytes")
        try:
            header = json.loads(stream.read(size))
            return {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
        except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
            raise UsageError(f"{str(file)!r} is no safetensors file: its header is no table of tensors") from error
