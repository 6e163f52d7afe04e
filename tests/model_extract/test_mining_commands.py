"""What people call around mining: the plan of a run, the doctor, the export, shapes on request."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub import Hub
from hub.limits import PUBLIC_BUDGETS, RateLimits
from model_extract.doctor import examine
from model_extract.export import export
from model_extract.stage import plan
from model_extract.tree import block_of
from pipeline.progress import PlainProgress
from pipeline.settings import ROOT, load_settings
from store import Store
from tests.hub_server import HubServer
from tests.model_extract.stage_runs import run_stage, settings_for, small_llamas, write_configs


def hub_plan(monkeypatch: pytest.MonkeyPatch, server: HubServer, store: Store, **flags: Any) -> Any:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    return plan(store, load_settings({"source": "hub", "tasks": "text-generation,fill-mask", **flags}))


def test_the_plan_counts_requests_bytes_and_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([], budget={"api": (500, 300), "resolvers": (3000, 300)}) as server, Store.open(None) as store:
        few = hub_plan(monkeypatch, server, store, limit=100)
        assert few.steps[0] == "list up to 200 models of 2 tasks: 2 requests"
        assert "up to 220 requests" in few.steps[1] and few.download_bytes == 200 * (15_000 + 1_500)
        assert "api 499 of 500 left" in few.steps[2]
        assert few.seconds < 60
        monkeypatch.setattr(Hub, "limits", RateLimits(PUBLIC_BUDGETS[False]))  # what the public Hub allows
        many = hub_plan(monkeypatch, server, store, limit=30_000, views="config")
        assert "60 requests" in many.steps[0]
        # 60,000 requests at 3,000 in 5 minutes: at least 95 minutes once the first window is used up.
        assert 90 * 60 < many.seconds < 130 * 60
        assert (
            hub_plan(monkeypatch, server, store, limit=100, max_models=50).steps[0].startswith("list up to 50 models")
        )
        assert len(server.requests) == 3, "one question a plan"


def test_the_plan_says_when_the_hub_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([], listing_fault="server_error") as server, Store.open(None) as store:
        assert "gives no answer now" in hub_plan(monkeypatch, server, store).steps[-1]


def test_the_doctor_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    settings = load_settings({"store": str(tmp_path / "a.duckdb"), "workers": "1"})
    with HubServer([], budget={"api": (500, 300)}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        found = {check.subject: check for check in examine(settings)}
        assert {check.verdict for check in found.values()} == {"ok", "note"}
        assert found["token"].words.startswith("accepted") and "hf_secret" not in str(found)
        assert "of 500 requests left" in found["rate limit api"].words
    (tmp_path / "a.duckdb").write_bytes(b"no store" * 1000)
    found = {check.subject: check.verdict for check in examine(settings)}
    assert (found["hub"], found["store"]) == ("fault", "fault")
    offline = {check.subject for check in examine(settings.model_copy(update={"offline": True}))}
    assert "token" not in offline


def test_the_doctors_exit_status_tells(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    command = [sys.executable, "-m", "model_extract", "doctor", "--store", str(tmp_path / "a"), "--json"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    checks = {check["subject"]: check["verdict"] for check in map(json.loads, ran.stdout.splitlines())}
    assert checks["hub"] == "fault" and checks["versions"] == "ok"


def test_shapes_come_when_asked_for_and_once(tmp_path: Path) -> None:
    write_configs(tmp_path, small_llamas(2))
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path))
        assert store.rows("SELECT count(*) FROM module_shapes") == [(0,)]
        assert run_stage(store, settings_for(tmp_path, shapes=True)).counts["extracted"] == 2
        path = "model.layers.0-1.mlp.up_proj"
        rows = store.rows("SELECT input_shape, output_shape FROM modules WHERE path = $path", {"path": path})
        assert sorted(rows) == [("[1, 7, 16]", "[1, 7, 8]"), ("[1, 7, 8]", "[1, 7, 8]")]
        assert store.rows("SELECT DISTINCT status, inputs FROM shape_traces") == [("traced", '{"input_ids": [1, 7]}')]
        assert run_stage(store, settings_for(tmp_path, shapes=True)).counts["unchanged"] == 2
        assert run_stage(store, settings_for(tmp_path)).counts["unchanged"] == 2
        assert store.rows("SELECT count(*) FROM extracted_structures") == [(2,)]


def test_the_export_is_the_table_of_the_earlier_miner(tmp_path: Path) -> None:
    write_configs(tmp_path / "models", small_llamas(1))
    (tmp_path / "models/=cmd|x!A1.json").write_text(json.dumps(small_llamas(2)["llama-001"]))
    with Store.open(None) as store:
        run_stage(store, settings_for(tmp_path / "models", shapes=True))
        assert export(store, tmp_path / "raw", "csv", PlainProgress()) == 2
        written = sorted(path.relative_to(tmp_path / "raw") for path in (tmp_path / "raw").rglob("*") if path.is_file())
        assert len(written) == 2 and Path("directory/other/llama-000.csv") in written
        with (tmp_path / "raw/directory/other/llama-000.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == [
            *("Layer Name", "Layer Type", "Input Shape", "Output Shape", "Block", "Parameters"),
            *("Model ID", "Base Model Name", "Task"),
        ]
        # Every module of named_modules(), the root left out, with the parameters of the whole model.
        from transformers import LlamaConfig, LlamaForCausalLM

        model = LlamaForCausalLM(LlamaConfig(**small_llamas(1)["llama-000"]))
        assert [row["Layer Name"] for row in rows] == [name for name, _ in model.named_modules() if name]
        assert sum(int(row["Parameters"]) for row in rows) == sum(p.numel() for p in model.parameters())
        projection = next(row for row in rows if row["Layer Name"] == "model.layers.1.mlp.up_proj")
        assert (projection["Input Shape"], projection["Layer Type"]) == ("[1, 7, 8]", "Linear")
        assert [row["Block"] for row in rows] == [block_of(name) for name, _ in model.named_modules() if name]
        hostile = next(path for path in written if path.name != "llama-000.csv")
        assert (tmp_path / "raw" / hostile).read_text().splitlines()[1].count("'=cmd") == 1
        assert export(store, tmp_path / "parquet", "parquet", PlainProgress()) == 2
