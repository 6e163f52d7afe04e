"""Weights of mined models of the Hub: fetched at the mined revision, known to the plan afterwards."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from pipeline.errors import StageError, UsageError
from pipeline.progress import PlainProgress
from pipeline.settings import ROOT, Settings, load_settings
from pruning.experiments.plan import make_plan
from pruning.experiments.weights import fetch
from store import Store
from store.records import NameRecord, RepresentativeRecord, SightingRecord
from tests.hub_server import HubModel, HubServer
from tools.ci.planning import out_of_reach, prune_matrix

OLD, NEW = "a" * 40, "b" * 40
FILES = {
    name: (ROOT / "reference_models/gpt2" / name).read_bytes()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
}


def mined(store: Store, name: str, revision: str = OLD, size: int = 50_000) -> None:
    run = "20260101T000000.000000-000000"
    store.insert(
        [RepresentativeRecord(run, name, name, "hub", revision, 1, "k-medoids", True, size, "test")],
        [NameRecord(run, name, "hub", name, name, None, None, None, None, "name")],
        [SightingRecord(run, name, "hub", revision, has_weights=True)],
    )  # fmt: skip


def settings(**flags: str) -> Settings:
    small = {"methods": "magnitude", "ratios": "0.5", "evaluation_windows": "2", "analyses": "", "max_params": "1M"}
    return load_settings({**small, **flags})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    models = [HubModel(f"ours/{name}", None, files=FILES, revision=OLD) for name in ("one", "two")]
    with HubServer([*models, HubModel("ours/gone", None, fault="no_repository")]) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def asked_for_weights(server: HubServer) -> set[str]:
    return {target for target in server.requests if target.endswith("/model.safetensors")}


def test_a_plan_needs_config_and_tokenizer_and_a_run_the_weights(server: HubServer) -> None:
    with Store.open(None) as store:
        mined(store, "ours/one")
        mined(store, "ours/large", size=2_000_000)
        (refused, *_) = make_plan(store, settings()).todo
        assert refused.refusal == "the weights of ours/one are not on this machine"
        assert fetch(store, settings(), PlainProgress(), weights=False) == 1
        plan = make_plan(store, settings())
        assert [each.refusal for each in plan.todo] == [None, None]
        assert asked_for_weights(server) == set()
        assert fetch(store, settings(), PlainProgress(), weights=True) == 1
        folder = plan.todo[0].folder
        assert folder is not None and (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
        assert make_plan(store, settings()).todo == plan.todo, "the same experiments with and without weights"
        assert not any("large" in target for target in server.requests)


def test_only_what_is_named_is_fetched(server: HubServer) -> None:
    with Store.open(None) as store:
        mined(store, "ours/one")
        mined(store, "ours/two")
        fetch(store, settings(), PlainProgress(), weights=False)
        (key, *_) = [
            each.specification.key for each in make_plan(store, settings()).todo if "two" in each.specification.model_id
        ]
        assert fetch(store, settings(only=key), PlainProgress(), weights=True) == 1
        assert {target.split("/")[2] for target in asked_for_weights(server)} == {"two"}


def test_a_model_that_has_gone_is_told_and_the_others_come(
    server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(None) as store:
        mined(store, "ours/gone")
        mined(store, "ours/one")
        assert fetch(store, settings(), PlainProgress(), weights=True) == 1
        by_model = {each.specification.model_id: each.refusal for each in make_plan(store, settings()).todo}
    assert by_model == {"ours/gone": "the weights of ours/gone are not on this machine", "ours/one": None}
    assert "ours/gone: not_found" in capsys.readouterr().err


def test_weights_that_may_come_another_time_stop_the_job(server: HubServer) -> None:
    """Its experiments would be refused for good; the other models are on the machine by then."""
    with Store.open(None) as store:
        mined(store, "ours/one")
        mined(store, "ours/two")
        fetch(store, settings(), PlainProgress(), weights=False)
        server.models["ours/one"] = replace(server.models["ours/one"], fault="server_error")
        with pytest.raises(StageError, match=r"the weights of ours/one did not come"):
            fetch(store, settings(), PlainProgress(), weights=True)
        folders = {each.specification.model_id: each.folder for each in make_plan(store, settings()).todo}
        came = {name: (folder / "model.safetensors").is_file() for name, folder in folders.items() if folder}
        assert came == {"ours/one": False, "ours/two": True}
        server.models["ours/one"] = replace(server.models["ours/one"], fault=None)
        assert fetch(store, settings(), PlainProgress(), weights=True) == 2


def test_a_config_that_may_come_another_time_is_in_no_job_and_ends_one_that_has_it(server: HubServer) -> None:
    """Keys hold the hashes of the texts that a tokenizer can read: planned without it, no job knew them."""
    with Store.open(None) as store:
        mined(store, "ours/one")
        mined(store, "ours/two")
        server.models["ours/one"] = replace(server.models["ours/one"], fault="server_error")
        assert fetch(store, settings(), PlainProgress(), weights=False) == 1
        plan = make_plan(store, settings())
        assert out_of_reach(plan) == ["ours/one"]
        (job,) = json.loads(prune_matrix(plan, 1))["include"]
        assert (job["model"], job["experiments"]) == ("ours-two", 2)
        with pytest.raises(StageError, match="config and tokenizer of ours/one did not come"):
            fetch(store, settings(only=job["keys"]), PlainProgress(), weights=True)
        server.models["ours/one"] = replace(server.models["ours/one"], fault=None)
        assert fetch(store, settings(), PlainProgress(), weights=False) == 1
        plan = make_plan(store, settings())
        assert out_of_reach(plan) == []
        assert sum(job["experiments"] for job in json.loads(prune_matrix(plan, 8))["include"]) == 4


def test_the_mined_revision_is_what_counts(server: HubServer) -> None:
    with Store.open(None) as store:
        mined(store, "ours/one")
        fetch(store, settings(), PlainProgress(), weights=True)
        mined(store, "ours/one", revision=NEW)
        refusals = {each.specification.revision: each.refusal for each in make_plan(store, settings()).todo}
    assert refusals == {OLD: None, NEW: "the weights of ours/one are not on this machine"}


def test_offline_nothing_is_asked(server: HubServer) -> None:
    with Store.open(None) as store:
        assert fetch(store, settings(offline="true"), PlainProgress(), weights=True) == 0
        mined(store, "ours/one")
        with pytest.raises(UsageError, match="--offline"):
            fetch(store, settings(offline="true"), PlainProgress(), weights=True)
    assert server.requests == []
