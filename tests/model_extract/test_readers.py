"""Each reader on a Hub: what it makes of a repository, and which one is tried after which."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from pipeline.settings import load_settings
from store import Store
from tests.hub_server import HubModel, HubServer
from tests.model_extract.formats.gguf_writer import Stored, file_size, header, string
from tests.model_extract.stage_runs import run_stage

LLAMA = {
    "model_type": "llama",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 10,
    "intermediate_size": 8,
    "hidden_size": 8,
}


def weights(**shapes: tuple[int, ...]) -> bytes:
    """Return a safetensors file with zeros; a double underscore in a name stands for a dot."""
    return save({name.replace("__", "."): np.zeros(shape, np.float16) for name, shape in shapes.items()})


def mine(monkeypatch: pytest.MonkeyPatch, model: HubModel, **flags: Any) -> dict[str, Any]:
    """Mine one model and return its row, joined with its structure, and its modules and traits."""
    with HubServer([model]) as server, Store.open(None) as store:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        run_stage(store, load_settings({"source": "hub", "tasks": "text-generation", **flags}))
        frame = store.frame(
            "SELECT extraction.*, structure.provenance, structure.n_parameters FROM current_extractions AS extraction "
            "LEFT JOIN extracted_structures AS structure USING (structure_id)"
        )
        row = frame.astype(object).where(frame.notna(), None).to_dict("records")[0]
        chosen = {"id": row["structure_id"]}
        modules = store.rows("SELECT path, class_name FROM modules WHERE structure_id = $id ORDER BY position", chosen)
        traits = store.rows("SELECT name, value FROM traits WHERE structure_id = $id", chosen)
        checks = store.rows("SELECT verdict, shared, only_config, only_header, header_structure FROM cross_checks")
        asked = [path.partition("/resolve/")[2].partition("/")[2] for path in server.requests if "/resolve/" in path]
        return {**row, "modules": modules, "traits": dict(traits), "checks": checks, "asked": asked}


def test_code_of_its_own_is_read_from_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"model_type": "own", "auto_map": {"AutoModel": "modeling.Own"}}
    content = weights(layers__0__proj__weight=(4, 3), layers__1__proj__weight=(4, 3), head__bias=(5,))
    row = mine(monkeypatch, HubModel("a/own", config, files={"model.safetensors": content}))
    assert (row["status"], row["reader"], row["provenance"]) == ("extracted", "safetensors-header", "header")
    assert row["n_parameters"] == 4 * 3 * 2 + 5
    assert [path for path, _ in row["modules"]] == ["head", "layers", "layers.0-1", "layers.0-1.proj"]
    assert row["model_type"] == "own" and "remote_code" in row["detail"]


def test_a_header_longer_than_the_first_range_takes_two_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    content = weights(**{f"layers__{i}__{'x' * 60}__weight": (2, 2) for i in range(1200)})
    assert int.from_bytes(content[:8], "little") > 100_000
    row = mine(monkeypatch, HubModel("a/long", None, files={"model.safetensors": content}))
    assert (row["requests"], row["n_parameters"]) == (2, 4800)


def test_all_shards_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    index = {"metadata": {}, "weight_map": {"a.weight": "s-1.safetensors", "b.weight": "s-2.safetensors"}}
    files = {
        "model.safetensors.index.json": json.dumps(index).encode(),
        "s-1.safetensors": weights(a__weight=(2, 2)),
        "s-2.safetensors": weights(b__weight=(3, 3)),
    }
    row = mine(monkeypatch, HubModel("a/sharded", None, files=files))
    assert (row["n_parameters"], row["requests"]) == (13, 3)


def test_both_views_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**{key: value for key, value in LLAMA.items() if key != "model_type"}))
    tensors = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    whole = weights(**tensors)
    row = mine(monkeypatch, HubModel("a/llama", LLAMA, files={"model.safetensors": whole}), views="both")
    assert (row["provenance"], row["reader"]) == ("config", "meta-device")
    assert [check[:4] for check in row["checks"]] == [("agree", len(tensors), 0, 0)]
    assert row["checks"][0][4] is not None
    damaged = HubModel("a/llama", LLAMA, files={"model.safetensors": b"\xff" * 40})
    row = mine(monkeypatch, damaged, views="both")
    assert row["status"] == "extracted" and row["checks"] == [("no_header", 0, 0, 0, None)]
    assert "header_too_big" in row["detail"]


def test_views_choose_what_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    model = HubModel("a/llama", LLAMA, files={"model.safetensors": weights(a__weight=(2, 2))})
    for views, asked in {
        "auto": ["config.json"],
        "config": ["config.json"],
        "header": ["model.safetensors"],
        "both": ["config.json", "model.safetensors"],
    }.items():
        assert mine(monkeypatch, model, views=views)["asked"] == asked


def test_gguf(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = [Stored("blk.0.ffn_up.weight", "Q8_0", (4, 32)), Stored("output.weight", "F16", (2, 32))]
    content = header({"general.architecture": string("llama")}, tensors)
    content = content.ljust(file_size(content, tensors), b"\0")
    row = mine(monkeypatch, HubModel("a/gguf", None, files={"model-Q8.gguf": content, "mmproj.gguf": b""}))
    assert (row["reader"], row["provenance"], row["n_parameters"]) == ("gguf-header", "gguf", 32 * 6)
    assert row["traits"]["general.architecture"] == "llama"


def test_a_pipeline_of_diffusers_is_one_tree_a_component(monkeypatch: pytest.MonkeyPatch) -> None:
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "safety_checker": [None, None],
    }
    files = {
        "model_index.json": json.dumps(index).encode(),
        "unet/diffusion_pytorch_model.safetensors": weights(mid__weight=(3, 3)),
        "unet/diffusion_pytorch_model.fp16.safetensors": weights(mid__weight=(3, 3)),
        "vae/diffusion_pytorch_model.safetensors": weights(decoder__weight=(2, 2)),
    }
    row = mine(monkeypatch, HubModel("a/diffusion", None, files=files))
    assert (row["reader"], row["architecture"], row["n_parameters"]) == ("diffusers", "StableDiffusionPipeline", 13)
    assert [path for path, _ in row["modules"]] == ["unet", "unet.mid", "vae", "vae.decoder"]
    assert "scheduler" in row["detail"]


def test_a_sentence_transformer_is_a_transformer_and_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "sentence_transformers.models."
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{kind}Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{kind}Pooling"},
        {"idx": 2, "name": "2", "path": "2_Dense", "type": f"{kind}Dense"},
    ]
    files = {
        "modules.json": json.dumps(modules).encode(),
        "2_Dense/config.json": json.dumps({"in_features": 8, "out_features": 3, "bias": True}).encode(),
    }
    row = mine(monkeypatch, HubModel("a/sentences", {**LLAMA, "architectures": ["LlamaModel"]}, files=files))
    assert (row["reader"], row["provenance"], row["architecture"]) == ("sentence-transformers", "config", "LlamaModel")
    paths = [path for path, _ in row["modules"]]
    assert "0.auto_model.layers.0-1.mlp.up_proj" in paths and paths[-2:] == ["2", "2.linear"]
    alone = mine(monkeypatch, HubModel("a/alone", {**LLAMA, "architectures": ["LlamaModel"]}))
    assert row["n_parameters"] == alone["n_parameters"] + 8 * 3 + 3


def test_an_adapter_is_a_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": "meta/base", "target_modules": ["q", "v"]}
    files = {
        "adapter_config.json": json.dumps(config).encode(),
        "adapter_model.safetensors": weights(q__lora_A__weight=(4, 8), q__lora_B__weight=(8, 4)),
    }
    row = mine(monkeypatch, HubModel("a/adapter", None, files=files))
    assert (row["reader"], row["provenance"], row["n_parameters"]) == ("peft-adapter", "adapter", 64)
    assert row["traits"]["adapter_base"] == "meta/base" and row["traits"]["adapter_rank"] == "4"
    pickled = {"adapter_config.json": files["adapter_config.json"], "adapter_model.bin": b""}
    assert mine(monkeypatch, HubModel("a/pickled", None, files=pickled))["reason"] == "pickle_only"


def test_a_model_of_timm_names_the_package_or_is_read_from_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"architecture": "resnet18", "num_classes": 10, "pretrained_cfg": {"url": "http://elsewhere/x.pth"}}
    row = mine(monkeypatch, HubModel("timm/resnet18", config, library="timm", files={}), views="config")
    assert row["reason"] == "missing_dependency" and "timm" in row["detail"]
    files = {"model.safetensors": weights(conv1__weight=(4, 3, 7, 7))}
    row = mine(monkeypatch, HubModel("timm/resnet18", config, library="timm", files=files))
    assert (row["reader"], row["n_parameters"]) == ("safetensors-header", 4 * 3 * 7 * 7)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "no_config"),
        ({"pytorch_model.bin": b"pickle"}, "pickle_only"),
        ({"README.md": b"text"}, "no_config"),
        ({"model.safetensors": b"\x00"}, "bad_header"),
        ({"model.safetensors": (2**63).to_bytes(8, "little")}, "header_too_big"),
        ({"model.gguf": b"GGUF"}, "bad_header"),
        ({"model_index.json": b"[]"}, "bad_config"),
        ({"modules.json": b"[]"}, "bad_config"),
        ({"adapter_config.json": b"1", "adapter_model.safetensors": b""}, "bad_config"),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "../../x.safetensors"}}'}, "bad_header"),
    ],
)
def test_what_cannot_be_read_says_why(files: dict[str, bytes], reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = mine(monkeypatch, HubModel("a/bad", None, files=files))
    assert row["reason"] == reason


def test_a_refusal_of_the_hub_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    model = HubModel("a/gated", {"model_type": "own"}, gated="manual", files={"model.safetensors": b""})
    row = mine(monkeypatch, model)
    assert row["reason"] == "gated" and row["asked"] == ["config.json"]


def test_readers_work_on_folders_too(tmp_path: Any) -> None:
    write: Callable[[str, bytes], int] = lambda name, content: (tmp_path / name).write_bytes(content)  # noqa: E731
    (tmp_path / "own").mkdir()
    write("own/config.json", b'{"model_type": "own"}')
    write("own/model.safetensors", weights(a__weight=(2, 2)))
    (tmp_path / "adapter").mkdir()
    write("adapter/adapter_config.json", b'{"peft_type": "LORA"}')
    write("adapter/adapter_model.safetensors", weights(q__lora_A__weight=(4, 8)))
    with Store.open(None) as store:
        run_stage(store, load_settings({"source": "directory", "directory": str(tmp_path)}))
        rows = store.rows("SELECT model_id, reader, status, requests FROM current_extractions ORDER BY model_id")
    assert rows == [("adapter", "peft-adapter", "extracted", 0), ("own", "safetensors-header", "extracted", 0)]
