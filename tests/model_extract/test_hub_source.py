"""The Hub through the real huggingface_hub, against a server on loopback."""

import time
from collections.abc import Iterator

import pytest
from huggingface_hub import ModelInfo

from model_extract import hub
from model_extract.failures import UnreadableError
from model_extract.sources.hub import lineage, listing_of
from pipeline.errors import StageError
from pipeline.settings import load_settings
from store import Store
from tests.hub_server import Fault, HubModel, HubServer
from tests.model_extract.stage_runs import reasons, run_stage, small_llamas

FAULTS: dict[Fault, str] = {
    "gated": "gated",
    "unauthorized": "gated",
    "no_repository": "not_found",
    "no_config": "no_config",
    "broken_json": "bad_config",
    "silent": "timeout",
    "dripping": "timeout",
    "server_error": "network",
    "too_many": "rate_limited",
    "endless": "config_too_big",
    "elsewhere": "network",
}


@pytest.fixture(autouse=True)
def quiet_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    yield
    from huggingface_hub import close_session

    close_session()


def mine(store: Store, server: HubServer, monkeypatch: pytest.MonkeyPatch, **flags: str | int) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    run_stage(store, load_settings({"source": "hub", "tasks": "text-generation", "limit": 50, **flags}))


def test_fifty_models_of_a_task_are_mined(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = small_llamas(10)
    models = [
        HubModel(f"owner-{index}/llama", configs[f"llama-{index % 10:03}"], downloads=index) for index in range(55)
    ]
    others = [HubModel("other/bert", {"model_type": "bert"}, task="fill-mask", downloads=999)]
    with HubServer([*models, *others]) as server, Store.open(None) as store:
        mine(store, server, monkeypatch)
        assert store.rows("SELECT count(*), min(downloads), max(downloads) FROM models") == [(50, 5, 54)]
        assert store.rows("SELECT count(*), sum(requests), count(DISTINCT structure_id) FROM current_extractions") == [
            (50, 50, 10)
        ]
        assert store.rows("SELECT count(*) FROM extracted_structures") == [(10,)]
        fetched = [path for path in server.requests if "/resolve/" in path]
        assert len(fetched) == 50
        mine(store, server, monkeypatch)
        assert len([path for path in server.requests if "/resolve/" in path]) == 50
        row = "SELECT task, library, likes, gated, has_weights, created_at::VARCHAR FROM models LIMIT 1"
        assert store.rows(row) == [("text-generation", "transformers", 7, False, True, "2026-01-02 03:04:05")]


def test_every_fault_is_a_row_and_costs_no_more_than_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_llamas(1)["llama-000"]
    models = [HubModel(f"bad/{fault}", config, fault=fault) for fault in FAULTS]
    with HubServer([*models, HubModel("good/one", config)]) as server, Store.open(None) as store:
        started = time.monotonic()
        mine(store, server, monkeypatch, hub_seconds="0.7")
        assert reasons(store) == {"good/one": None, **{f"bad/{fault}": reason for fault, reason in FAULTS.items()}}
        assert time.monotonic() - started < 30  # the server asks for an hour
        server.models["bad/too_many"] = HubModel("bad/too_many", config)
        mine(store, server, monkeypatch, hub_seconds="0.7")
        assert reasons(store)["bad/too_many"] is None
        assert sum("bad/gated/" in path for path in server.requests) == 1


def test_no_request_leaves_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([HubModel("a/b", fault="elsewhere")]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with pytest.raises(UnreadableError, match="another host, localhost"):
            hub.fetch_config("a/b", server.models["a/b"].sha, 2.0)


@pytest.mark.parametrize("fault", ["silent", "dripping", "server_error", "too_many", "broken_json"])
def test_a_listing_that_fails_stops_the_stage_and_is_no_answer_for_auto(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer([], listing_fault=fault) as server, Store.open(None) as store:
        with pytest.raises(StageError, match="could not be read"):
            mine(store, server, monkeypatch, hub_seconds="0.5")
        assert hub.why_unreachable(0.5) is not None
        assert store.rows("SELECT status FROM runs") == [("failed",)]


def test_a_hub_that_answers_is_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([HubModel("a/b")]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert hub.why_unreachable() is None


def test_a_closed_port_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
    assert hub.why_unreachable() is not None


@pytest.mark.parametrize(
    ("model_id", "valid"),
    [
        ("gpt2", True),
        ("owner/name-1.5_b", True),
        ("owner/../secret", False),
        ("../name", False),
        ("a/b/c", False),
        ("owner/na me", False),
        ("owner/name\n", False),
        ("", False),
        ("-flag/name", False),
        ("owner/näme", False),
    ],
)
def test_ids(model_id: str, valid: bool) -> None:
    assert hub.valid_id(model_id) is valid


def test_a_hostile_id_is_a_row_and_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([HubModel("owner/../../etc")]) as server, Store.open(None) as store:
        mine(store, server, monkeypatch)
        assert reasons(store) == {"owner/../../etc": "not_found"}
        assert not any("resolve" in path for path in server.requests)


@pytest.mark.parametrize(
    ("tags", "card", "expected"),
    [
        (("base_model:a/b", "base_model:finetune:a/b"), None, ("a/b", "finetune")),
        (("base_model:quantized:a/b",), None, ("a/b", "quantized")),
        (("base_model:a/b",), None, ("a/b", None)),
        (("license:mit",), {"base_model": ["c/d", "e/f"]}, ("c/d", None)),
        ((), {"base_model": 7}, (None, None)),
        ((), None, (None, None)),
    ],
)
def test_lineage(tags: tuple[str, ...], card: dict | None, expected: tuple) -> None:
    assert lineage(tags, card) == expected


def test_what_a_listing_says_can_always_be_stored() -> None:
    hostile = {"id": "a/b", "tags": ["license:\ud800", "base_model:\ud801"], "pipeline_tag": "\ud802"}
    model = ModelInfo(**hostile, library_name="\ud803", downloads=2**70, likes="many", sha="\ud804", gated=False)
    with Store.open(None) as store, store.run("extract", {}) as handle:
        store.insert([listing_of(model).sighting(handle.run_id)])
        row = "SELECT license, base_model, task, library, downloads, likes, revision FROM sightings"
        assert store.rows(row) == [("\\ud800", "\\ud801", "\\ud802", "\\ud803", None, None, "\\ud804")]
