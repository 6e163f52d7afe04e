"""The Hub through the real huggingface_hub, against a server on loopback."""

import time
from typing import Any

import pytest

from hub import Hub, Policy
from model_extract.sources.hub import lineage, listing_of, why_unreachable
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
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")


def mine(store: Store, server: HubServer, monkeypatch: pytest.MonkeyPatch, **flags: Any) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    run_stage(store, load_settings({"source": "hub", "tasks": "text-generation", "limit": 50, **flags}))


def asked_once() -> str | None:
    with Hub(Policy(seconds=0.5, attempts=1, longest_wait_seconds=0)) as hub:
        return why_unreachable(hub)


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


@pytest.mark.parametrize("fault", ["silent", "dripping", "server_error", "too_many", "broken_json"])
def test_a_listing_that_fails_stops_the_stage_and_is_no_answer_for_auto(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer([], listing_fault=fault) as server, Store.open(None) as store:
        with pytest.raises(StageError, match="could not be read"):
            mine(store, server, monkeypatch, hub_seconds="0.5")
        assert asked_once() is not None
        assert store.rows("SELECT status FROM runs") == [("failed",)]


def test_a_hub_that_answers_is_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([HubModel("a/b")]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert asked_once() is None


def test_a_closed_port_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
    assert asked_once() is not None


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
        ((), {"base_model": "c/d", "base_model_relation": "merge"}, ("c/d", "merge")),
        ((), {"base_model": "c/d", "base_model_relation": ["merge"]}, ("c/d", None)),
        ((), {"base_model": 7}, (None, None)),
        ((), "no object", (None, None)),
        ((), None, (None, None)),
    ],
)
def test_lineage(tags: tuple[str, ...], card: dict | None, expected: tuple) -> None:
    assert lineage(tags, card) == expected


def test_what_a_listing_says_can_always_be_stored() -> None:
    hostile = {"id": "a/b", "tags": ["license:\ud800", "base_model:\ud801"], "pipeline_tag": "\ud802"}
    more = {"library_name": "\ud803", "downloads": 2**70, "likes": "many", "sha": "\ud804", "gated": False}
    listing = listing_of({**hostile, **more})
    assert listing is not None
    with Store.open(None) as store, store.run("extract", {}) as handle:
        store.insert([listing.sighting(handle.run_id)])
        row = "SELECT license, base_model, task, library, downloads, likes, revision FROM sightings"
        assert store.rows(row) == [("\\ud800", "\\ud801", "\\ud802", "\\ud803", None, None, "unknown")]


@pytest.mark.parametrize(
    "value", [None, 1, "text", [], {}, [[]], {"a": 1}, True, "\ud800", 10**400, float("nan"), "x" * 100_000]
)
@pytest.mark.parametrize(
    "name",
    ["id", "sha", "tags", "siblings", "cardData", "createdAt", "gated", "safetensors", "downloads", "pipeline_tag"],
)
def test_an_entry_may_hold_anything(name: str, value: Any) -> None:
    listing = listing_of({"id": "a/b", name: value})
    if name == "id":
        assert (listing is not None) == isinstance(value, str)
    else:
        assert listing is not None and listing.model_id == "a/b"
    if listing is not None:
        with Store.open(None) as store:
            store.insert([listing.sighting("run")])
            assert len(store.rows("SELECT model_id FROM sightings")[0][0]) <= 320


def listed(store: Store) -> set[str]:
    return {row[0] for row in store.rows("SELECT model_id FROM newest_models")}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, {"a/1", "a/2", "b/3", "b/4"}),
        ({"author": "a"}, {"a/1", "a/2"}),
        ({"search": "3"}, {"b/3"}),
        ({"library": "timm"}, {"b/4"}),
        ({"license": "mit"}, {"a/2"}),
        ({"min_downloads": 20}, {"a/2", "b/3", "b/4"}),
        ({"min_likes": 5}, {"b/4"}),
        ({"since": "2026-05-01"}, {"b/3"}),
        ({"limit": 2}, {"b/4", "b/3"}),
        ({"max_models": 1}, {"b/4"}),
        ({"sort": "created"}, {"a/1", "a/2", "b/3", "b/4"}),
        ({"parameters": "min:1B,max:3B"}, {"a/2"}),
        ({"min_models": 4}, {"a/1", "a/2", "b/3", "b/4"}),
        ({"min_models": 5}, set()),
        ({"skip_tasks": "text-generation"}, set()),
        ({"tasks": "all"}, {"a/1", "a/2", "b/3", "b/4", "c/5"}),
    ],
)
def test_filters(flags: dict[str, Any], expected: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_llamas(1)["llama-000"]
    models = [
        HubModel("a/1", config, downloads=10, likes=1),
        HubModel("a/2", config, downloads=20, likes=2, license="mit", parameters=2_000_000_000),
        HubModel("b/3", config, downloads=30, likes=3, last_modified="2026-06-01T00:00:00.000Z"),
        HubModel("b/4", config, downloads=40, likes=9, library="timm", tags=("timm",)),
        HubModel("c/5", config, task="fill-mask"),
    ]
    with HubServer(models, page_size=2) as server, Store.open(None) as store:
        mine(store, server, monkeypatch, **{"limit": 50, **flags})
        assert listed(store) == expected


def test_a_model_of_two_tasks_is_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_llamas(1)["llama-000"]
    with HubServer([HubModel("a/1", config)]) as server, Store.open(None) as store:
        mine(store, server, monkeypatch, tasks="text-generation,text-generation")
        assert store.rows("SELECT count(*) FROM sightings") == [(1,)]


def test_a_stopped_listing_goes_on_behind_its_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_llamas(1)["llama-000"]
    models = [HubModel(f"a/{index:02}", config, downloads=100 - index) for index in range(30)]
    with HubServer(models, page_size=10) as server, Store.open(None) as store:
        cut_listing_after(monkeypatch, pages=2)
        with pytest.raises(StageError, match="goes on from there"):
            mine(store, server, monkeypatch)
        assert len(listed(store)) == 20
        assert store.rows("SELECT count(*) FROM extractions") == [(0,)]
        monkeypatch.undo()
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        before = len(server.requests)
        mine(store, server, monkeypatch)
        asked = [path for path in server.requests[before:] if path.startswith("/api/models")]
        assert len(asked) == 1 and "cursor" in asked[0]
        assert len(listed(store)) == 30 and store.rows("SELECT count(*) FROM sightings") == [(30,)]
        assert store.rows("SELECT count(*) FROM current_extractions WHERE status = 'extracted'") == [(30,)]
        mine(store, server, monkeypatch)
        fresh = [path for path in server.requests if path.startswith("/api/models")]
        assert len(fresh) == 3 + 3, "a listing that came to its end begins anew"


def cut_listing_after(monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """Let the Hub stop answering after some pages."""
    from hub import HubError

    ask, count = Hub.page, [0]

    def page(self: Hub, query: str, cursor: str | None = None) -> Any:
        count[0] += 1
        if count[0] > pages:
            raise HubError("network", "gone")
        return ask(self, query, cursor)

    monkeypatch.setattr(Hub, "page", page)


def test_other_settings_begin_a_listing_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_llamas(1)["llama-000"]
    models = [HubModel(f"a/{index:02}", config, downloads=100 - index) for index in range(30)]
    with HubServer(models, page_size=10) as server, Store.open(None) as store:
        cut_listing_after(monkeypatch, pages=1)
        with pytest.raises(StageError):
            mine(store, server, monkeypatch)
        monkeypatch.undo()
        for flags in ({"limit": 25}, {"fresh": True}):
            before = len(server.requests)
            mine(store, server, monkeypatch, **flags)
            asked = [path for path in server.requests[before:] if path.startswith("/api/models")]
            assert "cursor" not in asked[0]


def test_what_failed_is_tried_again_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_llamas(1)["llama-000"]
    with HubServer([HubModel("a/1", config, fault="gated")]) as server, Store.open(None) as store:
        mine(store, server, monkeypatch)
        server.models["a/1"] = HubModel("a/1", config)
        mine(store, server, monkeypatch)
        assert reasons(store) == {"a/1": "gated"}
        mine(store, server, monkeypatch, retry_failed=True)
        assert reasons(store) == {"a/1": None}
        before = len(server.requests)
        mine(store, server, monkeypatch, retry_failed=True)
        assert not any("/resolve/" in path for path in server.requests[before:])
        mine(store, server, monkeypatch, fresh=True)
        assert sum("/resolve/" in path for path in server.requests[before:]) == 1


def test_a_new_revision_alone_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = list(small_llamas(3).values())
    with HubServer([HubModel(f"a/{i}", configs[i]) for i in range(2)]) as server, Store.open(None) as store:
        mine(store, server, monkeypatch)
        server.models["a/1"] = HubModel("a/1", configs[2], revision="f" * 40)
        before = len(server.requests)
        mine(store, server, monkeypatch)
        assert [path for path in server.requests[before:] if "/resolve/" in path] == [
            f"/a/1/resolve/{'f' * 40}/config.json"
        ]


def test_a_listing_that_goes_in_circles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    from hub import Page

    pages = {None: "a", "a": "b", "b": "a"}
    monkeypatch.setattr(Hub, "page", lambda _, __, cursor=None: Page((), pages[cursor], 2, 1))
    with Store.open(None) as store, pytest.raises(StageError, match="leads back"):
        run_stage(store, load_settings({"source": "hub"}))
