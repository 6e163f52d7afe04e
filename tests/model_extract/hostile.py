"""Hostile repositories as data: what each one holds, and the reason it must end with.

The reasons were written down before the product was asked: by what the repository is, not by what the reader says.
"""

import gzip
import json
import pickle
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from store.records import ExtractionReason
from tests.hub_server import Fault, HubModel, SparseFile
from tests.model_extract.formats.gguf_writer import scalar, string, text

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 16,
    "intermediate_size": 8,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 10,
}
TASK = "text-generation"
HOSTILE_TASK = "\x1b[31m\x07::error::[x](http://hub.invalid)<img src=x>|`x`"
_MARKUP = "::set-output name=x::y\r\n## <script>alert(1)</script> | [a](b) \x1b]0;owned\x07\x9b2J \u202egpj \ud800"
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"


@dataclass(frozen=True, repr=False)
class Hostile:
    """A repository and what becomes of it; None = it is harmless once its traps are left alone: extracted."""

    model: HubModel
    reason: ExtractionReason | None


def hostile_models(canary: Path) -> list[Hostile]:
    """Return all of them. Whoever runs or unpickles what they hold makes the file `canary`."""
    return [
        *_with_strange_ids(),
        *_with_strange_listings(),
        *_with_config_bombs(),
        *_with_config_lies(),
        *_with_traps(canary),
        *_with_tensor_lies(),
        *_with_index_lies(),
        *_with_gguf_lies(),
        *_with_foreign_formats(canary),
        *_with_bad_manners(),
    ]


def _with_strange_ids() -> list[Hostile]:
    ids: dict[str, ExtractionReason | None] = {
        "Owner/Case": None,
        "owner/case": None,
        "con/nul.con": None,
        **dict.fromkeys(_NO_IDS, "not_found"),
    }
    return [Hostile(HubModel(name, LLAMA), reason) for name, reason in ids.items()]


# None of them is the name of a repository: nothing may be asked for, and nothing may come to lie under them.
_NO_IDS = (
    "../../../../tmp/escaped",
    "/etc/passwd",
    "owner/../../etc/shadow",
    "owner/..",
    "..",
    "C:\\Windows\\system32",
    "owner\\..\\..\\name",
    "owner/na\0me",
    "owner/name/../../x",
    "owner/a/b",
    "owner//name",
    "owner/%2e%2e%2fname",
    "owner/name?revision=main#x",
    "http://hub.invalid/name",
    "file:///etc/passwd",
    "user:secret@hub.invalid/name",
    "~root/name",
    "--store/x",
    "owner/" + "x" * 100_000,
    "\u043ewner/name",  # a Cyrillic letter that looks like o
    "owner/\uff0e\uff0e\uff0fname",  # full-width dots and slash
    "owner/na\u200bme",
    "\u202eowner/eman",
    "\ud800/name",
    " owner/name",
    "owner/name\n",
    "owner/name\r\nHost: hub.invalid",
    "::set-output name=x::y/z",
    "x\n::set-output name=x::y",
    "x\r\nerror: the store is gone",
    "##[set-output name=x]y/z",
    "\x1b[2J\x1b]0;owned\x07/name",
    "\x9b31mowner/name",
    "<script>alert(1)</script>/name",
    "[click](http://hub.invalid)/**name**",
    "a|b|c/`name`",
    "=cmd|' /C calc'!A0/name",
    "$(touch x)/`touch x`",
    "{0.__class__}/%s%n",
    "' ; DROP TABLE extractions; --/x",
)


def _with_strange_listings() -> list[Hostile]:
    anything: Any = (_MARKUP, f"license:{_MARKUP}", f"base_model:finetune:../../{_MARKUP}", {"a": 1}, 7, None, ["x"])
    wide: Any = tuple(f"tag-{number}" * 20 for number in range(5000))
    card: Any = {"base_model": ["../../etc/passwd", 7], "base_model_relation": {"a": "b"}, _MARKUP: _MARKUP}
    no_number: Any = {"a": "b"}
    models = [
        HubModel("listing/tags", LLAMA, tags=anything),
        HubModel("listing/many-tags", LLAMA, tags=wide),
        HubModel("listing/licence", LLAMA, license=_MARKUP),
        HubModel("listing/card", LLAMA, card_data=card),
        HubModel("listing/task", LLAMA, task=HOSTILE_TASK),
        HubModel("listing/library", LLAMA, library=_MARKUP),
        HubModel("listing/numbers", LLAMA, downloads=10**30, likes=no_number, parameters=-(10**30)),
        HubModel("listing/dates", LLAMA, created_at="99999-99-99", last_modified=_MARKUP),
    ]
    revisions = [HubModel("listing/revision", LLAMA, revision="../../main"), HubModel("listing/sha", revision="é" * 40)]
    return [*(Hostile(model, None) for model in models), *(Hostile(model, "not_found") for model in revisions)]


def _with_config_bombs() -> list[Hostile]:
    deep = b"[" * 900 + b"]" * 900
    labels = {str(number): "" for number in range(200_000)}
    bombs: dict[str, tuple[dict[str, Any] | bytes, ExtractionReason | None]] = {
        "layers": ({**LLAMA, "num_hidden_layers": 10**9}, "config_too_big"),
        "layers-as-float": ({**LLAMA, "num_hidden_layers": 1e9}, "config_too_big"),
        "more-layers": ({**LLAMA, "num_hidden_layers": 10**400}, "config_too_big"),
        "endless-number": (b'{"model_type": "llama", "num_hidden_layers": 1' + b"0" * 5000 + b"}", "bad_config"),
        "experts": ({"model_type": "mixtral", "num_local_experts": 10**8}, "config_too_big"),
        "layers-by-modules": (_MIXTRAL, "config_too_big"),
        "width": ({**LLAMA, "hidden_size": 10**400}, "bad_config"),
        "infinite-width": (b'{"model_type": "llama", "hidden_size": 1e999}', "bad_config"),
        "no-number": (b'{"model_type": "llama", "hidden_size": NaN, "num_hidden_layers": NaN}', "bad_config"),
        "vocabulary": ({**LLAMA, "vocab_size": 2**59}, "bad_config"),
        "labels": ({**LLAMA, "num_labels": 10**6 + 1}, "config_too_big"),
        "label-names": ({**LLAMA, "id2label": labels}, None),
        "list": ({**LLAMA, "layer_types": ["a"] * 300_000}, "config_too_big"),
        "lists": ({**LLAMA, "eos_token_id": [[[0] * 10] * 100] * 100}, "config_too_big"),
        "pairs-of-places": (_PAIRS, "timeout"),
        "deep": (b'{"model_type": "llama", "rope_scaling": ' + deep + b"}", "bad_config"),
        "wide": (b'{"model_type": "llama", "x": "' + b"x" * 5_000_000 + b'"}', "config_too_big"),
        "endless-file": (b'{"model_type": "llama"', "config_too_big"),
        "zipped": (gzip.compress(json.dumps(LLAMA).encode()), "bad_config"),
    }
    faults: dict[Fault, ExtractionReason] = {"gzip_bomb": "config_too_big", "deep_json": "bad_config"}
    models = [_configured(f"bomb/{name}", config, reason) for name, (config, reason) in bombs.items()]
    return [*map(_sparse, models), *(Hostile(HubModel(f"bomb/{f}", LLAMA, fault=f), why) for f, why in faults.items())]


# Each number is within bounds; what they multiply to is not.
_MIXTRAL = {"model_type": "mixtral", "num_hidden_layers": 2000, "hidden_size": 8, "num_attention_heads": 2}
# Not a count of modules: the constructor walks in Python over all pairs of the picture's places.
_PAIRS = {"model_type": "levit", "image_size": 4096}


def _sparse(hostile: Hostile) -> Hostile:
    """Return a repository whose config goes on for a terabyte where its name says so."""
    if hostile.model.model_id != "bomb/endless-file":
        return hostile
    endless = SparseFile(b'{"model_type": "llama"', 10**12)
    return replace(hostile, model=replace(hostile.model, files={"config.json": endless}))


def _with_config_lies() -> list[Hostile]:
    lies: dict[str, tuple[Any, ExtractionReason | None]] = {
        "empty": (b"", "bad_config"),
        "list": (b"[]", "bad_config"),
        "text": (b'"llama"', "bad_config"),
        "no-unicode": (b'{"model_type": "\xff\xfe"}', "bad_config"),
        "byte-order-mark": (b"\xef\xbb\xbf" + json.dumps(LLAMA).encode(), None),
        "half-a-pair": (b'{"model_type": "\\ud800"}', "bad_config"),
        "type-is-a-path": ({"model_type": "../../../etc/passwd"}, "unknown_type"),
        "type-is-markup": ({"model_type": _MARKUP[:-1]}, "unknown_type"),
        "type-is-a-module": ({"model_type": "os.path"}, "unknown_type"),
        "type-is-a-list": ({"model_type": ["llama"]}, "unknown_type"),
        "type-is-an-object": ({"model_type": {"llama": "llama"}}, "unknown_type"),
        "no-type": ({"hidden_size": 8}, "unknown_type"),
        "negative-width": ({**LLAMA, "hidden_size": -16}, "bad_config"),
        "negative-layers": ({**LLAMA, "num_hidden_layers": -1}, "bad_config"),
        "no-heads": ({**LLAMA, "num_attention_heads": 0}, "bad_config"),
        "width-is-an-object": ({**LLAMA, "hidden_size": {"__class__": "x"}}, "bad_config"),
        "text-config-is-a-path": ({"model_type": "llava", "text_config": "../../etc/passwd"}, "bad_config"),
        "activation-is-a-function": ({**LLAMA, "hidden_act": "os.system"}, "bad_config"),
        "activation-is-an-object": ({**LLAMA, "hidden_act": {"class": "os.system"}}, "bad_config"),
        "rope-of-nothing": ({**LLAMA, "rope_scaling": {"rope_type": "no_such_rope", "factor": 1e300}}, "bad_config"),
        "dunder-keys": ({**LLAMA, "__class__": "x", "__init__": 1, "__reduce__": [], "self": 7, "\0": 1}, None),
        "methods-as-keys": ({**LLAMA, "to_dict": 1, "from_pretrained": "x", "save_pretrained": "x"}, None),
        "equal-keys": (b'{"model_type": "os", ' + json.dumps(LLAMA).encode()[1:], None),
    }
    return [_configured(f"lie/{name}", config, reason) for name, (config, reason) in lies.items()]


def _with_traps(canary: Path) -> list[Hostile]:
    """Return repositories that wait for somebody to run their code, fetch their kernels or open their pickles."""
    code = f"open({str(canary)!r}, 'w').close()\n".encode()
    scripts = dict.fromkeys(_SCRIPTS, code)
    own_code = {"auto_map": {"AutoConfig": "configuration_own.OwnConfig", "AutoModel": "evil/other--modeling_own.Own"}}
    kernels = dict.fromkeys(_KERNEL_KEYS, "evil/kernels")
    quantised = {"quant_method": "evil", "_load_in_4bit": True, "modules_to_not_convert": ["os.system"], **own_code}
    configs: dict[str, tuple[dict[str, Any], ExtractionReason | None]] = {
        "own-type": ({"model_type": "own", **own_code}, "remote_code"),
        "own-code-of-a-known-type": ({**LLAMA, **own_code, "trust_remote_code": True}, None),
        "own-code-inside": ({**LLAMA, "rope_scaling": own_code, "generation_config": own_code}, None),
        "code-revision": ({**LLAMA, "code_revision": "main", "custom_pipelines": {"x": {"impl": "own.Own"}}}, None),
        "kernels": ({**LLAMA, **kernels}, None),
        "quantised": ({**LLAMA, "quantization_config": quantised}, None),
        "architectures": ({**LLAMA, "architectures": _NO_MODELS}, None),
        "architectures-as-text": ({**LLAMA, "architectures": "os.system"}, None),
        "architecture-of-another-type": ({**LLAMA, "architectures": ["GPT2LMHeadModel"]}, None),
        "name-is-a-path": ({**LLAMA, "_name_or_path": str(canary), "name_or_path": "/etc/passwd"}, None),
        "dtype-is-code": ({**LLAMA, "torch_dtype": "__import__('os').system('x')", "dtype": "os"}, None),
        "backbone": ({"model_type": "upernet", "backbone": "evil/backbone"}, "incomplete_config"),
        "backbone-inside": ({"model_type": "detr", "backbone": "evil/backbone", **_PRETRAINED}, "incomplete_config"),
        "halves-elsewhere": ({"model_type": "encoder-decoder", "encoder": "evil/x", "decoder": "evil/y"}, "bad_config"),
        "timm-elsewhere": (
            {"model_type": "timm_wrapper", "architecture": "hf-hub:evil/x", "pretrained": True},
            "missing_dependency",
        ),
    }
    trapped = [_configured(f"trap/{name}", config, why, scripts) for name, (config, why) in configs.items()]
    pickled = {"pytorch_model.bin": _pickle_trap(canary), "training_args.bin": _pickle_trap(canary)}
    tokenizers = {
        "tokenizer_config.json": json.dumps(own_code).encode(),
        "tokenizer.json": b"{" * 1000,
        "vocab.pkl": b"",
    }
    return [
        *trapped,
        Hostile(HubModel("trap/pickle", None, files=pickled), "pickle_only"),
        Hostile(HubModel("trap/pickle-beside-config", LLAMA, files=pickled), None),
        Hostile(
            HubModel("trap/pickle-named-safetensors", None, files={_WEIGHTS: _pickle_trap(canary)}), "header_too_big"
        ),
        Hostile(HubModel("trap/tokenizer", LLAMA, files=tokenizers), None),
        Hostile(HubModel("trap/code-alone", None, files=scripts), "no_config"),
        Hostile(HubModel("trap/gated", LLAMA, gated=True, files=scripts), "gated"),
        Hostile(HubModel("trap/disabled", LLAMA, disabled=True, files=scripts), "not_found"),
    ]


_SCRIPTS: tuple[str, ...] = ("modeling_own.py", "configuration_own.py", "setup.py", "__init__.py")
_KERNEL_KEYS = (
    "_attn_implementation",
    "attn_implementation",
    "_experts_implementation",
    "use_kernels",
    "kernel_config",
)
_NO_MODELS = ["os.system", "__import__", "Trainer", "torch.nn.Linear", "../../modeling", {"a": 1}, None, "AutoModel"]
_PRETRAINED = {"use_pretrained_backbone": True, "use_timm_backbone": False, "backbone_config": None}


class _Opener:
    """Unpickles to an open file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(self._path), "w")


def _pickle_trap(canary: Path) -> bytes:
    return pickle.dumps(_Opener(canary))


def _tensor(shape: Any = (2, 2), offsets: Any = (0, 16), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def safetensors(entries: Mapping[str, Any] | bytes, n_bytes: int = 16, length: int | None = None) -> SparseFile:
    """Return a file with this header and as many bytes of zeros behind it; `length` = what it says of the header."""
    content = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    head = struct.pack("<Q", len(content) if length is None else length) + content
    return SparseFile(head, len(head) + n_bytes)


def _with_tensor_lies() -> list[Hostile]:
    good = json.dumps({"a.weight": _tensor()}).encode()
    twice = good[:-1] + b", " + good[1:]
    many = b",".join(b'"a.%d.w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % place for place in range(10**6))
    lies: dict[str, tuple[bytes | SparseFile, ExtractionReason | None]] = {
        "empty": (b"", "bad_header"),
        "cut": (b"\x10\0\0", "bad_header"),
        "length-zero": (safetensors(good, length=0), "bad_header"),
        "longest-length": (safetensors(good, length=2**63), "header_too_big"),
        "no-length": (safetensors(good, length=2**64 - 1), "header_too_big"),
        "longer-than-file": (safetensors(good, length=10_000), "bad_header"),
        "longer-than-range": (safetensors(good, length=2_000_000), "bad_header"),
        "zeros": (SparseFile(struct.pack("<Q", 24_000_000), 10**12), "bad_header"),
        "overlap": (safetensors({"a": _tensor(), "b": _tensor()}), "bad_header"),
        "hole": (safetensors({"a": _tensor(), "b": _tensor(offsets=[32, 48])}, 48), "bad_header"),
        "past-the-end": (safetensors({"a": _tensor([1000], [0, 4000])}), "bad_header"),
        "terabytes": (safetensors({"a": _tensor([2**38], [0, 2**40])}), "bad_header"),
        "backwards": (safetensors({"a": _tensor(offsets=[16, 0])}), "bad_header"),
        "twice-the-same": (safetensors(twice), "bad_header"),
        "negative-shape": (safetensors({"a": _tensor([-2, -2])}), "bad_header"),
        "negative-offsets": (safetensors({"a": _tensor(offsets=[-16, 0])}), "bad_header"),
        "broken-shape": (safetensors({"a": _tensor([2.0, 2.0])}), "bad_header"),
        "true-shape": (safetensors({"a": _tensor([True, 4])}), "bad_header"),
        "overflow": (safetensors({"a": _tensor([2**40, 2**40], [0, 0])}), "bad_header"),
        "many-dimensions": (safetensors({"a": _tensor([1] * 10_000, [0, 4])}, 4), "bad_header"),
        "unknown-type": (safetensors({"a": _tensor(dtype="os.system")}), "bad_header"),
        "two-shapes": (safetensors(_TWO_SHAPES, 8), "bad_header"),
        "metadata": (safetensors({"__metadata__": {"a": {"b": 1}}, "a": _tensor()}), "bad_header"),
        "deep": (safetensors(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "bad_header"),
        "no-json": (safetensors(b"{" + b"\xff" * 100 + b"}"), "bad_header"),
        "a-million": (safetensors(b"{" + many + b"}", 0), "header_too_big"),
        "all-different": (_all_different(60_000), "bad_header"),
        "no-tensors": (safetensors({}, 0), "no_weights"),
        "paths-as-names": (safetensors({"../../etc/passwd.weight": _tensor()}), "bad_header"),
        "markup-as-names": (safetensors({f"{_MARKUP[:-1]}.weight": _tensor()}), "bad_header"),
        "deep-names": (safetensors({"a." * 400 + "weight": _tensor()}), "bad_header"),
        "long-names": (safetensors({"a" * 100_000: _tensor()}), "bad_header"),
    }
    faults: tuple[Fault, ...] = ("range_ignored", "wrong_content_range", "other_range", "short_range", "long_range")
    huge = {_WEIGHTS: SparseFile(struct.pack("<Q", 90_000) + b"{", 10**12)}
    return [
        *(
            Hostile(HubModel(f"tensors/{name}", None, files={_WEIGHTS: file}), why)
            for name, (file, why) in lies.items()
        ),
        *(Hostile(HubModel(f"tensors/{fault}", None, files=huge, fault=fault), "network") for fault in faults),
    ]


def _all_different(number: int) -> SparseFile:
    """Return a file of modules whose neighbours differ, so that no run of them folds into a row."""
    entries, end = {}, 0
    for place in range(number):
        size = 1 + place % 2
        entries[f"a.{place}.w"] = _tensor([size], [end, end + size], "U8")
        end += size
    return safetensors(entries, end)


# A name that looks like the metadata's key beside an entry that has one key twice.
_TWO_SHAPES = b'{"a.__metadata__":{"dtype":"F32","shape":[9],"shape":[2],"data_offsets":[0,8]}}'


def _with_index_lies() -> list[Hostile]:
    weights = {_WEIGHTS: safetensors({"a": _tensor()})}
    maps: dict[str, tuple[Any, ExtractionReason | None]] = {
        "up": ({"a": "../../../etc/passwd.safetensors"}, "bad_header"),
        "absolute": ({"a": "/etc/passwd.safetensors"}, "bad_header"),
        "elsewhere": ({"a": "http://hub.invalid/x.safetensors"}, "bad_header"),
        "of-another": ({"a": "../../../owner/case/resolve/main/model.safetensors"}, "bad_header"),
        "with-zero": ({"a": "x\0.safetensors"}, "bad_header"),
        "backslash": ({"a": "..\\..\\x.safetensors"}, "bad_header"),
        "markup": ({"a": f"{_MARKUP[:-1]}.safetensors"}, "bad_header"),
        "itself": ({"a": _INDEX}, "bad_header"),
        "absent": ({"a": "model-00001-of-00001.safetensors"}, "no_weights"),
        "pickles": ({"a": "pytorch_model-00001-of-00001.bin"}, "pickle_only"),
        "many-files": ({f"{n}": f"model-{n}.safetensors" for n in range(3000)}, "bad_header"),
        "no-names": ({"a": 7, "b": None, "c": ["x"]}, "bad_header"),
        "empty": ({}, "no_weights"),
        "list": ([], "bad_header"),
    }
    return [
        *_named("index", _INDEX, {name: ({"weight_map": files}, why) for name, (files, why) in maps.items()}, weights),
        Hostile(HubModel("index/heavy", None, files=_shards(300, header_bytes=20_000_000)), "header_too_big"),
        Hostile(HubModel("index/busy", None, files=_shards(1999, header_bytes=100)), "header_too_big"),
    ]


def _shards(number: int, header_bytes: int) -> dict[str, Any]:
    """Return an index and its shards: each of them is within bounds, and all of them together are a day's work."""
    names = [f"model-{place:05}.safetensors" for place in range(number)]
    index = json.dumps({"weight_map": {str(place): name for place, name in enumerate(names)}}).encode()
    padded = json.dumps({"a": _tensor()}).encode().ljust(header_bytes)
    return {_INDEX: index, **dict.fromkeys(names, safetensors(padded))}


def gguf(n_tensors: int = 0, n_pairs: int = 0, rest: bytes = b"", version: int = 3) -> bytes:
    """Return the beginning of a GGUF file with these counts."""
    return b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_pairs) + rest


def _with_gguf_lies() -> list[Hostile]:
    key, array = text("general.name"), struct.pack("<I", 9)
    nested = array + struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 9, 1)
    zeros = struct.pack("<IQQIQ", 2, 0, 0, 0, 0)
    lies: dict[str, tuple[bytes, ExtractionReason]] = {
        "tensors": (gguf(n_tensors=2**64 - 1), "bad_header"),
        "pairs": (gguf(n_pairs=2**64 - 1), "bad_header"),
        "text": (gguf(n_pairs=1, rest=key + struct.pack("<IQ", 8, 2**63)), "bad_header"),
        "key": (gguf(n_pairs=1, rest=struct.pack("<Q", 2**64 - 1)), "bad_header"),
        "array": (gguf(n_pairs=1, rest=key + array + struct.pack("<IQ", 4, 2**64 - 1)), "bad_header"),
        "texts": (gguf(n_pairs=1, rest=key + array + struct.pack("<IQQ", 8, 10**7, 2**63)), "header_too_big"),
        "nested": (gguf(n_pairs=1, rest=key + nested * 1000), "bad_header"),
        "type": (gguf(n_pairs=1, rest=key + struct.pack("<I", 999)), "bad_header"),
        "tensor-type": (gguf(n_tensors=1, rest=text("a.weight") + struct.pack("<IQIQ", 1, 4, 999, 0)), "bad_header"),
        "shape": (gguf(n_tensors=1, rest=text("a") + struct.pack("<IQQIQ", 2, 2**62, 2**62, 0, 0)), "bad_header"),
        "dimensions": (gguf(n_tensors=1, rest=text("a") + struct.pack("<I", 2**32 - 1)), "bad_header"),
        "name": (gguf(n_tensors=1, rest=text("../../etc/passwd\0") + zeros), "bad_header"),
        "alignment": (gguf(n_pairs=1, rest=text("general.alignment") + scalar("u32", 0)), "bad_header"),
        "same-keys": (gguf(n_pairs=2, rest=(key + string("a")) * 2), "bad_header"),
        "version": (gguf(version=99), "bad_header"),
        "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 1, 1), "bad_header"),
        "no-tensors": (gguf(), "no_weights"),
        "cut": (b"GGUF\x03", "bad_header"),
        "magic": (b"\x80\x04evil", "bad_header"),
    }
    long = SparseFile(gguf(n_pairs=1, rest=key + array + struct.pack("<IQ", 8, 60_000_000)), 10**12)
    return [
        *(Hostile(HubModel(f"gguf/{name}", None, files={"x.gguf": file}), why) for name, (file, why) in lies.items()),
        Hostile(HubModel("gguf/long", None, files={"x.gguf": long}), "header_too_big"),
    ]


def _with_foreign_formats(canary: Path) -> list[Hostile]:
    code = {"pipeline.py": f"open({str(canary)!r}, 'w').close()".encode()}
    part = ["diffusers", "UNet2DModel"]
    pipelines: dict[str, tuple[Any, ExtractionReason | None]] = {
        "own-class": ({"_class_name": ["pipeline", "Own"], "unet": part}, "remote_code"),
        "path": ({"_class_name": "P", "../../etc": part}, "bad_config"),
        "module": ({"_class_name": "P", "unet": ["os; import x", "system"]}, "bad_config"),
        "foreign": ({"_class_name": "P", "unet": ["os", "system"]}, "no_weights"),
        "many": ({"_class_name": "P", **{f"part{n}": part for n in range(1000)}}, "bad_config"),
        "list": ([1, 2], "bad_config"),
        "class": ({"_class_name": _MARKUP[:-1]}, "bad_config"),
    }
    modules: dict[str, tuple[Any, ExtractionReason | None]] = {
        "system": ([_module("os.system")], "remote_code"),
        "own": ([_module(), {**_module("own_module.Own", "1_Own"), "idx": 1}], "remote_code"),
        "path": ([_module(path="../../owner/case")], "bad_config"),
        "absolute": ([_module(path="/etc")], "bad_config"),
        "many": ([{**_module(), "idx": number} for number in range(100_000)], "config_too_big"),
        "numbers": ([{"idx": "0", "name": 1, "path": None, "type": []}], "bad_config"),
        "absent": ([_module(path="0_Transformer")], "no_config"),
    }
    adapters: dict[str, tuple[Any, ExtractionReason | None]] = {
        "base-is-a-path": ({"peft_type": "LORA", "base_model_name_or_path": "../../etc/passwd", "r": 8}, None),
        "base-is-markup": ({"peft_type": _MARKUP[:-1], "base_model_name_or_path": _MARKUP[:-1]}, None),
        "rank": ({"peft_type": "LORA", "r": 10**400}, "bad_config"),
        "targets": ({"peft_type": "LORA", "target_modules": ["a"] * 100_000}, "bad_config"),
        "type": ({"peft_type": {"os": "system"}}, "bad_config"),
        "own-code": ({"peft_type": "LORA", "auto_mapping": {"parent_library": "own", "base_model_class": "Own"}}, None),
    }
    weights = {"adapter_model.safetensors": safetensors({"a.lora_A.weight": _tensor()})}
    deep = HubModel("modules/deep", None, files={"modules.json": b"[" * 100_000})
    timm = replace(HubModel("timm/elsewhere", {"architecture": "hf-hub:evil/x"}), library="timm")
    pickled = {"adapter_config.json": b"{}", "adapter_model.bin": _pickle_trap(canary)}
    return [
        *_named("pipeline", "model_index.json", pipelines, code),
        *_named("modules", "modules.json", modules, {}),
        *_named("adapter", "adapter_config.json", adapters, weights),
        Hostile(deep, "bad_config"),
        Hostile(timm, "missing_dependency"),
        Hostile(HubModel("adapter/pickled", None, files=pickled), "pickle_only"),
    ]


def _module(kind: str = "sentence_transformers.models.Transformer", path: str = "") -> dict[str, Any]:
    return {"idx": 0, "name": "0", "path": path, "type": kind}


def _named(
    owner: str, file: str, contents: Mapping[str, tuple[Any, ExtractionReason | None]], others: Mapping[str, Any]
) -> list[Hostile]:
    return [
        Hostile(HubModel(f"{owner}/{name}", None, files={file: json.dumps(content).encode(), **others}), reason)
        for name, (content, reason) in contents.items()
    ]


def _with_bad_manners() -> list[Hostile]:
    """Return repositories behind a server that redirects, stalls, floods or lies about what it sends."""
    reasons: dict[ExtractionReason, tuple[Fault, ...]] = {
        "timeout": ("silent", "dripping", "dripping_headers"),
        "rate_limited": ("too_many",),
        "config_too_big": ("endless", "endless_chunks"),
        "not_found": ("no_repository",),
        "bad_config": ("garbage_json", "broken_json"),
        "network": _BROKEN,
    }
    return [
        Hostile(HubModel(f"manners/{fault}", LLAMA, fault=fault), reason)
        for reason, faults in reasons.items()
        for fault in faults
    ]


_BROKEN: tuple[Fault, ...] = (
    "file_redirect",
    "elsewhere",
    "foreign_redirect",
    "redirect_loop",
    "truncated",
    "reset",
    "garbage",
    "bad_status_line",
    "huge_headers",
    "negative_length",
    "text_length",
    "no_content",
    "not_modified",
)


def _configured(
    name: str, config: dict[str, Any] | bytes, reason: ExtractionReason | None, files: Mapping[str, Any] | None = None
) -> Hostile:
    others = files or {}
    if isinstance(config, bytes):
        return Hostile(HubModel(name, None, files={"config.json": config, **others}), reason)
    return Hostile(HubModel(name, config, files=others), reason)
