"""Four hundred models of every kind for a loopback Hub: configs, headers, both, adapters, refusals."""

import json
import struct
from typing import Any

from tests.hub_server import HubModel
from tests.model_extract.stage_runs import small_llamas

N_CONFIGS = 83  # different ones, no multiple of the number of kinds; 20 ms each on a quick machine
TASKS = ("text-generation", "fill-mask")


def mixed_models() -> list[HubModel]:
    """Return 400 models in two tasks; most downloads first, kinds in turn."""
    kinds = [_config_alone, _header_alone, _both, _adapter, _refused]
    return [kinds[number % len(kinds)](number) for number in range(400)]


def _named(number: int, config: dict[str, Any] | None, **more: Any) -> HubModel:
    task = TASKS[number % 7 == 0]
    return HubModel(f"owner-{number % 9}/model-{number:03}", config, task=task, downloads=1000 - number, **more)


def _config_alone(number: int) -> HubModel:
    return _named(number, _config(number))


def _header_alone(number: int) -> HubModel:
    return _named(number, None, files={"model.safetensors": _weights(f"layers.{n}.weight" for n in range(number % 20))})


def _both(number: int) -> HubModel:
    return _named(number, _config(number), files={"model.safetensors": _weights(["model.embed_tokens.weight"])})


def _adapter(number: int) -> HubModel:
    config = {"peft_type": "LORA", "r": number, "base_model_name_or_path": "owner/base"}
    files = {"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": _weights(["a.lora_A.w"])}
    return _named(number, None, files=files)


def _refused(number: int) -> HubModel:
    refusals: list[HubModel] = [
        _named(number, {"model_type": f"own-{number}"}),
        _named(number, {"model_type": f"own-{number}", "auto_map": {}}),
        _named(number, None, files={"pytorch_model.bin": b"\x80\x04"}),
        _named(number, {"model_type": "llama", "num_hidden_layers": 10**9}),
        _named(number, None, files={"model.safetensors": b"\xff" * 16}),
        _named(number, _config(number), gated=True),
        _named(number, _config(number), fault="no_repository"),
        HubModel(f"../model-{number}", _config(number), downloads=1000 - number),
    ]
    return refusals[number // 5 % len(refusals)]


def _config(number: int) -> dict[str, Any]:
    return {**small_llamas(N_CONFIGS)[f"llama-{number % N_CONFIGS:03}"], "num_hidden_layers": 40}


def _weights(names: Any) -> bytes:
    """Return a safetensors file with a tensor of four bytes under each name."""
    entries = {
        name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * place, 4 * place + 4]}
        for place, name in enumerate(["head.weight", *names])
    }
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * len(entries))
