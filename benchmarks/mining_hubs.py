"""Loopback Hubs for `bench_mining`: models with configs and headers as the real Hub has them, in any number.

Each function makes a server in a process of its own, so all of them are at module level and take plain values.
"""

import json
import math
import random
from typing import Any

from benchmarks.bench_configs import real_configs
from tests.hub_server import Fault, FaultPlan, HubModel, HubServer, SparseFile

# Lengths of headers on the Hub: mean 62 kB, median 48, 99th percentile 249: a log-normal with this spread.
_MEDIAN_HEADER, _SPREAD = 48_000, 0.715
_TENSOR_BYTES = 118  # of one entry of a header, on average
TRANSIENT: dict[Fault, float] = {
    "server_error": 0.03, "bad_gateway": 0.015, "unavailable": 0.015, "too_many_briefly": 0.02, "too_many_until": 0.01,
    "reset": 0.02, "truncated": 0.02, "garbage": 0.015, "bad_status_line": 0.01, "garbage_json": 0.01,
    "broken_json": 0.01, "silent": 0.01, "dripping": 0.005, "dripping_headers": 0.005,
    "redirect_loop": 0.005,
}  # fmt: skip
PERMANENT: tuple[Fault, ...] = (
    "gated", "unauthorized", "disabled", "no_repository", "no_config", "server_error", "too_many", "broken_json",
    "garbage_json", "deep_json", "elsewhere", "file_redirect", "redirect_loop", "huge_headers", "endless",
    "negative_length", "reset", "truncated", "gzip_bomb",
)  # fmt: skip


def config_of(number: int) -> dict[str, Any]:
    """Return one of any number of distinct small configs of five types."""
    kind = ("llama", "gpt2", "bert", "qwen2", "opt")[number % 5]
    width, layers = 16 * (1 + number // 5 % 20), 1 + number // 100
    common = {"vocab_size": 100 + number, "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 4}
    if kind == "gpt2":
        return {"model_type": kind, "n_embd": width, "n_layer": layers, "n_head": 4, "vocab_size": 100 + number}
    if kind == "opt":
        return {**common, "model_type": kind, "word_embed_proj_dim": width, "ffn_dim": 2 * width}
    return {**common, "model_type": kind, "intermediate_size": 2 * width, "num_key_value_heads": 4}


def shared_configs(models: int, configs: int) -> HubServer:
    """Return a Hub of `models` repositories that share `configs` distinct configs."""
    return HubServer(
        [
            HubModel(f"owner{i % 97}/model-{i}", config=config_of(i % configs), downloads=models - i)
            for i in range(models)
        ],
        page_size=1000,
    )


def faulty(models: int, configs: int, *, transient: bool) -> HubServer:
    """Return a Hub where 5 % of the models answer badly for ever, and 20 % of all resources the first time."""
    listed = []
    for i in range(models):
        fault = PERMANENT[i // 20 % len(PERMANENT)] if i % 20 == 7 else None
        listed.append(
            HubModel(f"owner{i % 97}/model-{i}", config=config_of(i % configs), downloads=models - i, fault=fault)
        )
    plan = FaultPlan(rates=TRANSIENT, seed=3) if transient else None
    return HubServer(listed, page_size=1000, faults=plan, retry_after=1.0)


def real() -> HubServer:
    """Return a Hub of the real configs beside this checkout, each in a repository of its own."""
    return HubServer(
        [HubModel(f"real/config-{i:04}", config=config.values) for i, config in enumerate(real_configs())],
        page_size=1000,
    )


def with_headers(models: int, seed: int = 0) -> HubServer:
    """Return a Hub of single-file models, each with a header of its own length."""
    draw = random.Random(seed)
    listed = []
    for i in range(models):
        length = round(_MEDIAN_HEADER * math.exp(_SPREAD * draw.gauss(0, 1)))
        files = {"model.safetensors": _weights(i, max(2_000, length))}
        listed.append(
            HubModel(f"owner{i % 97}/model-{i}", config={"model_type": "own"}, files=files, downloads=models - i)
        )
    return HubServer(listed, page_size=1000)


def _weights(number: int, header_bytes: int) -> SparseFile:
    """Return a file with a llama-like header of about `header_bytes` bytes."""
    width = 64 * (1 + number % 40)
    entries, end = {}, 0
    for layer in range(max(1, header_bytes // _TENSOR_BYTES // 9)):
        for name in _NAMES:
            shape = [width] if "norm" in name else [width, width]
            size = 2 * math.prod(shape)
            entries[f"model.layers.{layer}.{name}.weight"] = {
                "dtype": "BF16", "shape": shape, "data_offsets": [end, end + size],
            }  # fmt: skip
            end += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return SparseFile(len(text).to_bytes(8, "little") + text, 8 + len(text) + end)


_NAMES = (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
    "mlp.down_proj", "input_layernorm", "post_attention_layernorm",
)  # fmt: skip
