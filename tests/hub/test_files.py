"""Questions to the Hub, each against every way in which the loopback Hub answers badly."""

import json
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import sha1
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import OIDCError
from hypothesis import given
from hypothesis import strategies as st

import hub.client
from hub import Hub, HubError, Policy
from hub.deadline import _DeadlineStream
from hub.files import _no_such_range
from tests.hub.conftest import CANARY
from tests.hub.scripted import Answer, answer, scripted
from tests.hub_server import Fault, FaultPlan, HubModel, HubServer
from tests.loopback.faults import FaultState

ONCE = Policy(seconds=0.3, silence_seconds=0.25, attempts=1, longest_wait_seconds=0.3, backoff_seconds=0.01)
AGAIN = replace(ONCE, attempts=3, longest_wait_seconds=1.5)
WEIGHTS = bytes(range(256)) * 40
FAULTS: tuple[Fault, ...] = get_args(Fault)
COMMIT = "0" * 40

# What each fault is to a question; of those not named: an error of the network.
REFUSED: dict[str, str] = {
    **dict.fromkeys(("gated", "unauthorized"), "gated"),
    **dict.fromkeys(("disabled", "no_repository"), "not_found"),
    "no_config": "no_file",
    **dict.fromkeys(("too_many", "too_many_briefly", "too_many_until", "too_many_ratelimit"), "rate_limited"),
    **dict.fromkeys(("silent", "dripping", "dripping_headers"), "timeout"),
}
TOO_BIG = dict.fromkeys(("gzip_bomb", "endless", "endless_chunks"), "too_big")
OF_RANGES = ("range_ignored", "wrong_content_range", "other_range", "short_range", "long_range")
OF_LISTINGS = ("foreign_link", "looping_link")
OF_CONTENT = ("broken_json", "garbage_json", "deep_json", "wrong_types")
EXPECTED: dict[str, dict[str, str]] = {
    "page": {**REFUSED, **TOO_BIG, **dict.fromkeys(OF_RANGES, "answered")},
    # Without an ETag nothing says that a file is not the right one; what it means is its reader's.
    "file": {**REFUSED, **dict.fromkeys((*OF_RANGES, *OF_LISTINGS, *OF_CONTENT), "answered"), **TOO_BIG},
    # A server that answers without the range asked for is left before its body.
    "file_range": {**REFUSED, **dict.fromkeys(OF_LISTINGS, "answered"), "dripping": "network"},
    "snapshot": {**REFUSED, **TOO_BIG, **dict.fromkeys((*OF_RANGES, *OF_LISTINGS), "answered")},
}  # fmt: skip
Question = Callable[[Hub, HubModel], object]
QUESTIONS: dict[str, Question] = {
    "page": lambda hub, _: hub.page("limit=5"),
    "file": lambda hub, model: hub.file(model.model_id, model.sha, "config.json", 1_000_000),
    "file_range": lambda hub, model: hub.file_range(model.model_id, model.sha, "w.safetensors", 0, 1000),
    "snapshot": lambda hub, model: hub.snapshot(model.model_id, ["*.json", "*.safetensors"], limit_bytes=10**6),
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.client, "ANSWER_BYTES", 1_000_000)  # 50 MB take longer than a test's time limit
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)


def model_of(fault: Fault | None = None, name: str = "a/b") -> HubModel:
    return HubModel(name, {"hidden": 1}, fault=fault, files={"w.safetensors": WEIGHTS})


def failure(ask: Callable[[], object]) -> HubError:
    with pytest.raises(HubError) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_bad_answer_ends_in_time_as_an_error_with_its_kind(
    question: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(fault)
    with HubServer([model], listing_fault=fault if question == "page" else None, retry_after=5) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            started = time.monotonic()
            found, said = "answered", ""
            try:
                QUESTIONS[question](hub, model)
            except HubError as error:
                found, said = error.kind, "".join(traceback.format_exception(error))
            assert time.monotonic() - started < 0.3 + 0.7
    assert found == EXPECTED[question].get(fault, "network")
    assert CANARY not in said


HEALING: tuple[Fault, ...] = (
    "server_error", "bad_gateway", "unavailable", "too_many_briefly", "too_many_until", "too_many_ratelimit",
    "huge_headers", "negative_length", "text_length", "silent", "dripping", "dripping_headers", "truncated", "reset",
    "garbage", "bad_status_line",
)  # fmt: skip
HEALING_OF: dict[str, tuple[Fault, ...]] = {
    "page": (*HEALING, "broken_json", "garbage_json", "deep_json", "wrong_types"),
    "file": HEALING,
    "file_range": (*HEALING, "range_ignored", "wrong_content_range", "other_range", "short_range", "long_range"),
    "snapshot": HEALING,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_can_heal_heals(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request of each kind is spoiled, by each fault on a server of its own."""

    def answered(server: HubServer, hub: Hub) -> bool:
        with server, hub:
            QUESTIONS[question](hub, model_of())
            return server.counts.spoiled.total() >= 1

    servers = [
        HubServer([model_of()], faults=FaultPlan({fault: 1.0}), retry_after=0.1) for fault in HEALING_OF[question]
    ]
    hubs: list[Hub] = []
    for server in servers:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        hubs.append(Hub(AGAIN))
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(answered, servers, hubs))


class SpoiledWeights(FaultState):
    """Spoils the weights once their size is known, so that all of a snapshot but their body goes well."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(None)
        self.fault: Fault = fault

    def meet(self, resource: str) -> Fault | None:
        asked = self.met[resource] = self.met.get(resource, 0) + 1
        return self.fault if resource.endswith(".safetensors") and asked > 1 else None


STREAMED: dict[Fault, str | None] = {
    "dripping": "timeout",
    "endless": "too_big",
    "endless_chunks": "too_big",
    "gzip_bomb": "too_big",
    "silent": "timeout",
    "reset": "network",
    "too_many": "rate_limited",
    "elsewhere": "network",
}


@pytest.mark.parametrize("fault", STREAMED)
def test_a_snapshot_whose_weights_go_wrong_ends(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    with HubServer([model]) as server:
        server._faults = SpoiledWeights(fault)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        started = time.monotonic()
        with Hub(ONCE) as hub:
            error = failure(lambda: hub.snapshot("a/b", ["*"], limit_bytes=3_000_000))
        assert error.kind == STREAMED[fault] and time.monotonic() - started < 1.5


def test_a_snapshot_has_the_files_that_were_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = HubModel("a/b", {"hidden": 1}, files={"w.safetensors": WEIGHTS, "x.bin": b"x", "t/y.json": b"{}"})
    with HubServer([model], cdn=True, cache_redirects=True) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(AGAIN) as hub:
            folder = hub.snapshot("a/b", ["*.safetensors", "*.json"])
            names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
            assert names == ["config.json", "t/y.json", "w.safetensors"]
            assert (folder / "w.safetensors").read_bytes() == WEIGHTS
            assert hub.traffic.requests >= 4
            before = len(server.requests) + len(server.cdn_requests)
            assert hub.snapshot("a/b", ["*.safetensors", "*.json"]) == folder
            assert len(server.requests) + len(server.cdn_requests) - before <= 2, "what is there is not fetched again"
    assert CANARY not in str(server.cdn_headers) and CANARY in str(server.headers)
    assert not any("harness" in target for target in server.requests)


def test_a_large_snapshot_outlasts_the_time_of_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    read = _DeadlineStream.read

    def slowly(self: _DeadlineStream, max_bytes: int, timeout: float | None = None) -> bytes:
        time.sleep(0.002)  # for 64 kB: 30 MB take about a second
        return read(self, max_bytes, timeout)

    monkeypatch.setattr(_DeadlineStream, "read", slowly)
    model = HubModel("a/b", files={"w.safetensors": bytes(30_000_000)})
    with HubServer([model]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        started = time.monotonic()
        with Hub(Policy(seconds=0.5, silence_seconds=2.0, attempts=1)) as hub:
            folder = hub.snapshot("a/b", ["*.safetensors"])
    assert time.monotonic() - started > 0.6
    assert (folder / "w.safetensors").stat().st_size == 30_000_000


def test_a_snapshot_is_taken_from_the_cache_when_the_hub_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([model_of()]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            folder = hub.snapshot("a/b", ["*.safetensors"])
    with Hub(ONCE) as hub:
        assert hub.snapshot("a/b", ["*.safetensors"]) == folder
        assert hub.snapshot("a/b", ["*.safetensors"], offline=True) == folder
        assert failure(lambda: hub.snapshot("a/c", ["*"])).kind == "network"
        assert failure(lambda: hub.snapshot("a/c", ["*"], offline=True)).kind == "network"
        assert failure(lambda: hub.snapshot("a/../c", ["*"])).kind == "not_found"


@pytest.mark.parametrize("name", ["../../evil.json", "/tmp/evil.json", "a/../../../evil.json", "..\\evil.json"])
def test_a_snapshot_writes_nothing_outside_its_cache(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = HubModel("a/b", {}, files={name: b"evil"})
    with HubServer([model]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            try:
                hub.snapshot("a/b", ["*.json"])
            except HubError as error:
                assert error.kind in ("network", "not_found", "no_file")
    evil = [path for path in tmp_path.rglob("*evil*") if not path.is_relative_to(tmp_path / "cache")]
    assert evil == [] and not Path("/tmp/evil.json").exists()


def test_snapshots_at_once_do_not_close_each_others_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [model_of(name=f"a/{number}") for number in range(6)]
    with HubServer(models) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(AGAIN) as hub, ThreadPoolExecutor(6) as threads:
            folders = list(threads.map(lambda model: hub.snapshot(model.model_id, ["*.safetensors"]), models))
    assert len({*folders}) == 6


def test_a_switched_off_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    with HubServer([model]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with Hub(ONCE) as hub:
            for ask in QUESTIONS.values():
                assert failure(partial(ask, hub, model)).kind == "network"
        assert server.requests == []


def test_a_listing_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [HubModel(f"a/{number:02}", downloads=number) for number in range(25)]
    with HubServer(models, page_size=10) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            query, cursor, found = "sort=downloads&limit=10", None, []
            for _ in range(3):
                page = hub.page(query, cursor)
                assert page.requests == 1 and page.n_bytes > 100
                found += [entry["id"] for entry in page.models]
                cursor = page.cursor
            assert cursor is None and sorted(found) == [model.model_id for model in models]


def linked(target: str) -> bytes:
    return answer(b"[]", Link=f'<{target}>; rel="next"', Connection="close")


def test_a_longer_loop_of_pages_is_the_callers_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that leads to itself is refused; A, B, A, ... are pages like any others."""

    def page(cursor: str) -> Answer:
        return lambda connection: connection.sendall(linked(f"{script.url}/api/models?cursor={cursor}"))

    with scripted([page("A"), page("B"), page("A"), page("A")]) as script:
        monkeypatch.setenv("HF_ENDPOINT", script.url)
        with Hub(ONCE) as hub:
            cursor, seen = None, []
            for _ in range(3):
                cursor = hub.page("limit=1", cursor).cursor
                seen.append(cursor)
            assert seen == ["cursor=A", "cursor=B", "cursor=A"]
            assert failure(lambda: hub.page("limit=1", cursor)).kind == "network"


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        ('<{here}/api/models?cursor=B&limit=1>; rel="next"', "cursor=B&limit=1"),
        ('<{here}/api/models?cursor=A>; rel="prev", <{here}/api/models?cursor=B>; rel="next"', "cursor=B"),
        ('<{here}/api/models?cursor=A>; rel="prev"', None),
        ("nonsense", None),
        ('<{here}/api/models?limit=1>; rel="next"', HubError),
        ('<{here}/api/whoami?cursor=B>; rel="next"', HubError),
        ('</api/models?cursor=B>; rel="next"', HubError),
        ('<http://[/api/models?x>; rel="next"', HubError),
        ('<http://a:99999999/api/models?x>; rel="next"', HubError),
        ('<https://hub.invalid/api/models?cursor=B>; rel="next"', HubError),
    ],
)
def test_where_a_listing_goes_on(link: str, cursor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(connection: Any) -> None:
        connection.sendall(answer(b"[]", Link=link.format(here=script.url)))

    with scripted([reply]) as script:
        monkeypatch.setenv("HF_ENDPOINT", script.url)
        with Hub(ONCE) as hub:
            if cursor is HubError:
                assert failure(lambda: hub.page("limit=1")).kind == "network"
            else:
                assert hub.page("limit=1").cursor == cursor


def test_an_endpoint_below_a_path_is_asked_and_pages_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(connection: Any) -> None:
        connection.sendall(answer(b"[]", Link=f'<{script.url}/hub/api/models?cursor=B>; rel="next"'))

    with scripted([reply]) as script:
        monkeypatch.setenv("HF_ENDPOINT", f"{script.url}/hub/")
        with Hub(ONCE) as hub:
            assert hub.page("limit=1").cursor == "cursor=B"
    assert script.heads[0].startswith("GET /hub/api/models?limit=1 ")


LINKS = st.one_of(
    st.text(max_size=80),
    st.from_regex(r'<https?://[^<>]{0,30}>; rel="next"'),
    st.from_regex(r'<https://huggingface\.co/api/models\?[^<>]{0,30}>; rel="next"'),
)


@given(LINKS)
def test_any_link_is_followed_or_refused(link: str) -> None:
    hub = Hub(ONCE)
    hub.base = "https://huggingface.co"
    try:
        cursor = hub._next(httpx2.Response(200, headers=[(b"link", link.encode())]), "limit=1")
    except HubError:
        return
    assert cursor is None or "<" not in cursor
    try:
        asked = httpx2.URL(f"{hub.base}/api/models?{cursor}")
    except httpx2.InvalidURL:
        return
    assert (asked.host, asked.path) == ("huggingface.co", "/api/models")


@pytest.mark.parametrize("cursor", ["a=\x01", "a=\ud800", "a=" + "x" * 100_000, "a=b\r\nX: y"])
def test_a_stored_cursor_that_makes_no_address_is_an_error_of_ours(
    cursor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with Hub(ONCE) as hub:
        assert failure(lambda: hub.page("limit=1", cursor)).kind == "network"


def ranged(content_range: str, body: bytes, asked: str = "bytes=10-19") -> str | None:
    request = httpx2.Request("GET", "https://h/x", headers={"range": asked})
    return _no_such_range(
        httpx2.Response(206, headers=[(b"content-range", content_range.encode())], content=body, request=request)
    )


def test_a_range_must_be_the_one_that_was_asked_for() -> None:
    assert ranged("bytes 10-19/100", b"x" * 10) is None
    assert ranged("bytes 10-14/15", b"x" * 5) is None, "the file ends before"
    for told, n_bytes in [
        ("bytes 10-19/100", 9),
        ("bytes 10-19/100", 11),
        ("bytes 11-20/100", 10),
        ("bytes 10-14/100", 5),
        ("bytes 10-19/15", 10),
        ("bytes 10-19/*", 10),
        ("bytes 19-10/100", 10),
        ("", 10),
        ("bytes 10-19/" + "9" * 30, 10),
    ]:
        assert ranged(told, b"x" * n_bytes) is not None, told


@given(st.one_of(st.text(max_size=40), st.from_regex(r"bytes \d{1,22}-\d{1,22}/\d{1,22}")), st.binary(max_size=12))
def test_any_content_range_is_judged(told: str, body: bytes) -> None:
    start, size = 10, len(body)
    right = size > 0 and told in {f"bytes {start}-{start + size - 1}/{total}" for total in range(100)}
    objected = ranged(told, body)
    if right:
        end, total = start + size - 1, int(told.rpartition("/")[2])
        assert (objected is None) == (end == min(19, total - 1))
    elif size not in range(1, 11):
        assert objected is not None


def test_the_end_of_a_file_is_less_than_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    with HubServer([model]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            ask = partial(hub.file_range, "a/b", model.sha, "w.safetensors")
            whole = ask(0, 10**6)
            assert whole.content == WEIGHTS and whole.file_size == len(WEIGHTS)
            assert ask(100, 110).content == WEIGHTS[100:110]
            assert ask(10**6, 10**6 + 10).content == b""


def test_a_file_that_is_not_what_its_etag_names_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = b'{"a": 1}', b'{"a": 2}'
    name = sha1(b"blob %d\0" % len(right) + right, usedforsecurity=False).hexdigest()
    for etag in (f'"{name}"', f'W/"{name}"'):
        with scripted([answer(wrong, ETag=etag, Connection="close"), answer(right, ETag=etag)]) as script:
            monkeypatch.setenv("HF_ENDPOINT", script.url)
            with Hub(AGAIN) as hub:
                found = hub.file("a/b", COMMIT, "config.json", 100)
                assert found.content == right and found.requests == 2 and hub.traffic.retries == 1
    with scripted([answer(wrong, ETag=etag)] * 3) as script:
        monkeypatch.setenv("HF_ENDPOINT", script.url)
        with Hub(replace(AGAIN, attempts=1)) as hub:
            assert failure(lambda: hub.file("a/b", COMMIT, "config.json", 100)).kind == "network"


@pytest.mark.parametrize(
    ("model_id", "revision", "name"),
    [
        ("../b", COMMIT, "x"),
        ("a/b", "main", "x"),
        ("a/b", COMMIT, "../x"),
        ("a/b", COMMIT, "x?y"),
        ("a/b\n", COMMIT, "x"),
    ],
)
def test_what_names_no_file_is_not_asked_for(
    model_id: str, revision: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer([]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            assert failure(lambda: hub.file(model_id, revision, name, 10)).kind == "not_found"
            assert failure(lambda: hub.file_range(model_id, revision, name, 0, 10)).kind == "not_found"
        assert server.requests == []


def test_a_file_is_limited_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    size = len(json.dumps(model.config))
    with HubServer([model]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            assert len(hub.file("a/b", model.sha, "config.json", size).content) == size
            assert failure(lambda: hub.file("a/b", model.sha, "config.json", size - 1)).kind == "too_big"


def test_tasks_and_the_name_behind_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [HubModel("a/b", task="fill-mask"), HubModel("a/c", task="text-generation"), HubModel("a/d", task="<b>")]
    with HubServer(models) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            assert hub.tasks() == ("fill-mask", "text-generation") and hub.who() == "somebody" and hub.has_token
        monkeypatch.delenv("HF_TOKEN")
        with Hub(ONCE) as hub:
            assert hub.who() is None and not hub.has_token


@pytest.mark.parametrize("body", [b"[]", b"7", b"{", b"[" * 5000, b"\xff", b"null"])
def test_tasks_that_are_no_object_are_an_error_and_a_strange_name_is_none(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted([answer(body, Connection="close")] * 2) as script:
        monkeypatch.setenv("HF_ENDPOINT", script.url)
        with Hub(ONCE) as hub:
            assert failure(hub.tasks).kind == "network"
            assert hub.who() is None


def test_an_error_says_how_many_requests_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("bad_gateway")
    with HubServer([model], cache_redirects=True) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(AGAIN) as hub:
            assert failure(lambda: hub.file("a/b", model.sha, "config.json", 100)).requests == 3
            assert failure(lambda: hub.file("a/c", model.sha, "config.json", 100)).requests == 1


def test_what_another_program_left_in_the_cache_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library keeps a list of programs for all processes, unchecked; one of another shape breaks each request."""
    Path(constants.AGENT_HARNESSES_PATH).write_text("[]", encoding="utf-8")
    monkeypatch.setattr("huggingface_hub.utils._detect_agent._registry", None)
    with HubServer([model_of()]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            assert hub.page("limit=1").models
            assert (hub.snapshot("a/b", ["*.json"]) / "config.json").exists()


def test_a_token_that_cannot_be_had_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise OIDCError(f"refused {CANARY}")

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr("huggingface_hub.get_token", fail)
    with Hub(ONCE) as hub:
        error = failure(lambda: hub.page("limit=1"))
    assert error.kind == "network" and "OIDCError" in error.detail and CANARY not in str(error)


def test_a_token_that_must_not_be_sent_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    with HubServer([model_of()]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(ONCE) as hub:
            hub.page("limit=1")
            hub.snapshot("a/b", ["*.json"])
            assert not hub.has_token
    assert CANARY not in str(server.headers)
