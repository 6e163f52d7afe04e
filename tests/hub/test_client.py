"""The client: attempts and waits, limits, credentials, redirects, proxies, threads. The other side is a real socket."""

import logging
import socket
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import httpcore2
import httpx2
import pytest

import hub.client
from hub import Hub, HubError, Policy, Traffic
from hub.client import HubClient
from hub.limits import RateLimits
from hub.policy import Allowance
from tests.hub.conftest import CANARY
from tests.hub.scripted import Answer, Script, answer, scripted
from tests.hub_server import HubModel, HubServer

QUICK = Policy(seconds=0.6, silence_seconds=0.4, attempts=3, longest_wait_seconds=1.5, backoff_seconds=0.01)
ONCE = replace(QUICK, attempts=1)
COMMIT = "0" * 40


def asked(script: Script, monkeypatch: pytest.MonkeyPatch, policy: Policy = QUICK) -> Any:
    """Return the first page that a scripted Hub gives, or its error."""
    monkeypatch.setenv("HF_ENDPOINT", script.url)
    with Hub(policy) as hub:
        try:
            return hub.page("limit=1")
        except HubError as error:
            return error


def outcome(
    answers: list[Answer], monkeypatch: pytest.MonkeyPatch, policy: Policy = QUICK
) -> tuple[Any, Script, float]:
    """Return what a listing came to, the requests that were sent, and how long it took, seconds."""
    with scripted(answers) as script:
        started = time.monotonic()
        return asked(script, monkeypatch, policy), script, time.monotonic() - started


class _Sleepless(threading.Event):
    """Counts waits as over at once."""

    slept: ClassVar[list[float]] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.slept.append(timeout)
        return self.is_set()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the client's waits take no time, and return their lengths, seconds."""
    _Sleepless.slept.clear()
    monkeypatch.setattr(hub.client, "threading", SimpleNamespace(Event=_Sleepless))
    return _Sleepless.slept


def kind(found: Any) -> str:
    return found.kind if isinstance(found, HubError) else "answered"


def packed(n_bytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(b" " * n_bytes) + packer.flush()


def busy(**headers: str) -> bytes:
    return answer(b"", "429 Too Many Requests", Connection="close", **headers)


@pytest.mark.parametrize(
    ("refusal", "seconds"),
    [
        (busy(Retry_After="1"), 1),
        (busy(ratelimit='"api";r=0;t=1'), 1),
        (busy(Retry_After=format_datetime(datetime.now(UTC) + timedelta(days=-1), usegmt=True)), 0),
        (answer(b"", "503 Service Unavailable", Retry_After="1", Connection="close"), 1),
    ],
)
def test_a_short_wait_is_waited(
    refusal: bytes, seconds: float, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    found, script, _ = outcome([refusal, answer()], monkeypatch)
    assert kind(found) == "answered" and found.requests == len(script.heads) == 2
    assert slept == [pytest.approx(seconds, abs=0.02)]


def test_a_wait_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = replace(QUICK, backoff_seconds=0.4)
    found, _, seconds = outcome([answer(b"", "502 Bad Gateway", Connection="close"), answer()], monkeypatch, policy)
    assert kind(found) == "answered" and seconds >= 0.2


def test_a_long_wait_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found, script, seconds = outcome([busy(Retry_After="3600"), answer()], monkeypatch)
    assert kind(found) == "rate_limited" and "3600 s" in found.detail
    assert len(script.heads) == 1 and seconds < 0.5


def test_the_waits_of_one_question_are_limited_together(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    found, script, _ = outcome([busy(Retry_After="1")] * 3, monkeypatch)
    assert kind(found) == "rate_limited" and len(script.heads) == 2 and slept == [1.0]


def test_a_refusal_without_a_time_gets_more_of_it(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    policy = Policy(seconds=0.5, attempts=3, backoff_seconds=0.25)
    found, _, _ = outcome([busy(), busy(), answer()], monkeypatch, policy)
    assert kind(found) == "answered" and 2.5 <= slept[0] <= 7.5 and 5 <= slept[1] <= 15


def hold(connection: socket.socket) -> None:
    connection.recv(1)


def test_one_attempt_means_one(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(seconds=0.2, silence_seconds=0.2, attempts=1)
    found, script, seconds = outcome([hold, answer()], monkeypatch, policy)
    assert kind(found) == "timeout" and len(script.heads) == 1 and seconds < 1.0


def test_a_question_that_hangs_is_asked_twice_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(seconds=0.2, silence_seconds=0.2, attempts=4, backoff_seconds=0.01)
    found, script, seconds = outcome([hold] * 4, monkeypatch, policy)
    assert kind(found) == "timeout" and len(script.heads) == 2 and seconds < 1.2


def test_redirects_share_the_time_of_their_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow_redirect(connection: socket.socket) -> None:
        time.sleep(0.15)
        connection.sendall(answer(b"", "302 Found", Location="/x", Connection="close"))

    policy = Policy(seconds=0.4, silence_seconds=0.4, attempts=1)
    found, _, seconds = outcome([slow_redirect] * 4, monkeypatch, policy)
    assert kind(found) == "timeout" and seconds < 1.0


def test_after_five_refusals_nothing_is_sent_to_that_class(monkeypatch: pytest.MonkeyPatch) -> None:
    model = HubModel("a/b")
    with HubServer([model], listing_fault="too_many") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(QUICK) as hub:
            for _ in range(8):
                with pytest.raises(HubError, match="rate_limited"):
                    hub.page("limit=1")
            assert len(server.requests) == 5
            assert hub.file("a/b", model.sha, "config.json", 100).content == b"{}"


def test_requests_are_spread_when_half_of_a_budget_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([], budget={"api": (10, 2.0)}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(Policy(longest_wait_seconds=5.0)) as hub:
            started = time.monotonic()
            for _ in range(10):
                hub.page("limit=1")
            assert server.counts.over_budget == 0
            assert 1.0 < time.monotonic() - started < 3.5
            assert hub.traffic.waited_seconds > 0.8


def test_own_pauses_are_no_waits_for_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer([]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        policy = Policy(longest_wait_seconds=0.0, pause_seconds=0.05)
        with Hub(policy, threads=8) as hub, ThreadPoolExecutor(8) as threads:
            started = time.monotonic()
            assert len(list(threads.map(lambda _: hub.page("limit=1"), range(8)))) == 8
        assert time.monotonic() - started >= 0.35


def test_another_hosts_answer_says_nothing_of_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = {"ratelimit": '"resolvers";r=77;t=300', "ratelimit_policy": '"w";"resolvers";q=100;w=300'}
    foreign = answer(b"{}", ratelimit='"resolvers";r=0;t=300', ratelimit_policy='"w";"resolvers";q=100;w=300')
    with scripted([foreign]) as elsewhere:
        place = elsewhere.url.replace("127.0.0.1", "localhost")
        with scripted([answer(b"", "302 Found", Location=f"{place}/x", **limit)]) as script:
            monkeypatch.setenv("HF_ENDPOINT", script.url)
            with Hub(QUICK) as hub:
                assert hub.file("a/b", COMMIT, "config.json", 100).content == b"{}"
                budget = hub.limits.budget("resolvers")
    assert budget is not None and budget.remaining == 77


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect"])
def test_a_redirects_body_is_not_unpacked(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    bomb = answer(packed(50_000_000), status, Location="/x", Content_Encoding="gzip", Connection="close")
    tracemalloc.start()
    found, _, _ = outcome([bomb, answer()], monkeypatch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kind(found) == "answered" and peak < 20_000_000


def test_a_bomb_is_noticed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = answer(packed(100_000_000), Content_Encoding="gzip")
    with scripted([bomb]) as script:
        monkeypatch.setenv("HF_ENDPOINT", script.url)
        with Hub(QUICK) as hub:
            assert hub.has_token  # imports what it needs before memory is counted
            tracemalloc.start()
            with pytest.raises(HubError, match="too_big"):
                hub.file("a/b", COMMIT, "config.json", 100_000)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert peak < 25_000_000


def test_an_encoding_that_was_not_asked_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for coding in ("br", "zstd", "gzip, gzip", "deflate"):
        found, _, _ = outcome([answer(b"[]", Content_Encoding=coding)], monkeypatch)
        assert kind(found) == "network" and "encoding" in found.detail


def test_a_cookie_is_neither_kept_nor_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    first = answer(b"[]", Set_Cookie="tracker=1; Path=/", Connection="close")
    with scripted([first, answer()]) as script:
        monkeypatch.setenv("HF_ENDPOINT", script.url)
        with Hub(QUICK) as hub:
            hub.page("limit=1")
            hub.page("limit=2")
    assert len(script.heads) == 2 and "tracker" not in script.heads[1]


def test_the_token_goes_to_the_endpoint_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model = HubModel("a/b", files={"w.safetensors": bytes(1000)})
    with HubServer([model], cdn=True) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(QUICK) as hub:
            assert len(hub.file_range("a/b", model.sha, "w.safetensors", 0, 100).content) == 100
    assert server.headers[-1]["authorization"] == f"Bearer {CANARY}"
    assert len(server.cdn_headers) == 1 and CANARY not in str(server.cdn_headers)


def test_the_token_is_not_sent_to_another_port_of_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted([answer()]) as other, scripted([answer(b"", "302 Found", Location=f"{other.url}/x")]) as script:
        assert kind(asked(script, monkeypatch)) == "answered"
    assert CANARY in script.heads[0] and CANARY not in other.heads[0]


def test_nothing_else_is_asked_for_than_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub's builder of headers fetches a list of programs first, with a client without limits."""
    with HubServer([]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(QUICK) as hub:
            hub.page("limit=1")
        assert server.requests == ["/api/models?limit=1"]


ECHOES: list[Answer] = [
    answer(b"no", "403 Forbidden", X_Error_Message=f"not for Bearer {CANARY}"),
    answer(b"[" * 10),
    answer(b"", "302 Found", Location="https://hub.invalid/x"),
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    b"nonsense " + CANARY.encode() + b"\r\n\r\n",
]


@pytest.mark.parametrize("echo", ECHOES)
def test_the_token_is_in_no_text_and_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, echo: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted([echo] * 3) as script:
        monkeypatch.setenv("HF_ENDPOINT", script.url)
        with Hub(QUICK) as hub, pytest.raises(HubError) as caught:
            hub.page("limit=1")
        said = [str(caught.value), repr(caught.value), repr(hub), repr(hub.traffic)]
    assert any(CANARY in head for head in script.heads), "it was sent"
    assert caplog.records
    assert CANARY not in "".join(said)
    if CANARY.encode() not in echo:  # what a server says of itself is logged by the library as it comes
        assert CANARY not in "".join([*traceback.format_exception(caught.value), caplog.text])


@pytest.mark.parametrize("token", [f"{CANARY}\x01x", f"{CANARY}ä", f"{CANARY}\x7f"])
def test_a_token_that_cannot_be_sent_is_not_shown(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    found, script, _ = outcome([answer()], monkeypatch)
    assert kind(found) == "network" and "HF_TOKEN" in found.detail and script.heads == []
    assert CANARY not in "".join(traceback.format_exception(found))


def test_a_header_that_cannot_be_sent_is_not_shown() -> None:
    base = "http://127.0.0.1:1"
    with HubClient(base, ONCE, RateLimits({}), Traffic()) as client, pytest.raises(HubError) as caught:
        client.get(f"{base}/x", headers={"authorization": f"Bearer {CANARY}\x01"})
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_what_a_server_says_cannot_steer_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _, _ = outcome([answer(b"", "418 No", X_Error_Message="a\x9b31mb\x85c\xad")], monkeypatch)
    assert kind(found) == "network" and found.detail.isprintable() and str(found).isprintable()


def test_questions_at_once_share_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [HubModel(f"a/{number}", {"number": number}) for number in range(192)]
    with HubServer(models) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(Policy(), threads=16) as hub, ThreadPoolExecutor(64) as threads:
            answers = list(threads.map(lambda m: hub.file(m.model_id, m.sha, "config.json", 1000), models))
            assert hub.traffic.requests == 192 and hub.traffic.retries == 0
    assert [found.content for found in answers] == [b'{"number": %d}' % number for number in range(192)]


def test_waiting_for_a_connection_ends_with_the_time_of_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(seconds=0.3, silence_seconds=5.0, attempts=1)
    model = HubModel("a/b", fault="silent")
    with HubServer([model]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        started = time.monotonic()
        with Hub(policy, threads=1) as hub, ThreadPoolExecutor(12) as threads:
            ask = partial(hub.file, "a/b", model.sha, "config.json", 100)
            kinds = set(threads.map(lambda _: failure(ask).kind, range(12)))
        assert time.monotonic() - started < 2.0
    assert kinds == {"timeout"}


def failure(ask: Callable[[], object]) -> HubError:
    with pytest.raises(HubError) as caught:
        ask()
    return caught.value


def test_closing_ends_a_wait_and_further_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted([busy(Retry_After="50")]) as script:
        monkeypatch.setenv("HF_ENDPOINT", script.url)
        hub = Hub(Policy(longest_wait_seconds=60))
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(failure, lambda: hub.page("limit=1"))
            while hub.traffic.waited_seconds == 0:
                time.sleep(0.01)
            started = time.monotonic()
            hub.close()
            assert waiting.result(timeout=5).kind == "network"
        assert time.monotonic() - started < 1.0
        assert failure(lambda: hub.page("limit=1")).kind == "network"
        hub.close()


def test_closing_cuts_off_an_answer_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python waits for its threads when a program ends, after Ctrl-C, too."""
    asked, over = threading.Event(), threading.Event()

    def in_silence(_: socket.socket) -> None:
        asked.set()
        over.wait()

    with scripted([in_silence]) as script, ThreadPoolExecutor(1) as threads:
        monkeypatch.setenv("HF_ENDPOINT", script.url)
        hub = Hub(Policy(seconds=60, silence_seconds=60))
        waiting = threads.submit(failure, lambda: hub.page("limit=1"))
        assert asked.wait(10)
        hub.close()
        assert waiting.result(timeout=5).kind == "network"
        over.set()


def test_closing_before_the_first_question_opens_nothing() -> None:
    with Hub(QUICK) as hub:
        pass
    assert "_client" not in vars(hub)


def test_a_proxy_of_the_environment_is_used_with_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted([answer(b"[]", Connection="close")]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("http://", "http://user:pass%20word@"))
        monkeypatch.setenv("HF_ENDPOINT", "http://hub.example:8000")
        with Hub(QUICK) as hub:
            assert hub.page("limit=1").models == ()
    assert proxy.heads[0].startswith("GET http://hub.example:8000/api/models?limit=1 ")
    assert "Basic dXNlcjpwYXNzIHdvcmQ=" in proxy.heads[0]


def test_the_token_is_not_shown_to_a_proxy_of_https(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = answer(b"", "403 Forbidden")
    with scripted([refused] * 3) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.removeprefix("http://"))
        monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
        with Hub(QUICK) as hub:
            error = failure(lambda: hub.page("limit=1"))
    assert error.kind == "network" and "ProxyError" in error.detail
    assert proxy.heads[0].startswith("CONNECT hub.example:443 ") and CANARY not in proxy.heads[0]


@pytest.mark.parametrize("excepted", ["127.0.0.1", "*", "{address}"])
def test_what_the_environment_excepts_is_asked_directly(monkeypatch: pytest.MonkeyPatch, excepted: str) -> None:
    with scripted([answer()]) as script:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", excepted.format(address=script.url.removeprefix("http://")))
        assert kind(asked(script, monkeypatch)) == "answered"


ODD_PROXIES = (
    "socks5://u:hf_pw@127.0.0.1:1",
    "ftp://u:hf_pw@a",
    "http://u:hf_pw@[",
    "http://u:hf_pw@a:99999999",
    "http://",
)


@pytest.mark.parametrize("address", ODD_PROXIES)
def test_a_proxy_that_cannot_be_used_is_not_passed_by(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with scripted([answer()]) as script:
        monkeypatch.setenv("http_proxy", address)
        found = asked(script, monkeypatch)
    assert kind(found) == "network" and script.heads == []
    assert "hf_pw" not in "".join(traceback.format_exception(found))


@pytest.mark.parametrize("base", ["hub.local", "ftp://hub.local", "http://a:99999999", "http://[", "https://", "//x"])
def test_an_endpoint_that_is_no_address_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", base)
    with Hub(QUICK) as hub:
        assert failure(lambda: hub.page("limit=1")).kind == "network"


def streamed(script: Script, policy: Policy, allowance: Allowance | None = None) -> int:
    """Return how many bytes a streamed body had."""
    with (
        HubClient(script.url, policy, RateLimits({}), Traffic(), allowance=allowance) as client,
        client.stream("GET", f"{script.url}/a/b/resolve/main/w") as found,
    ):
        return sum(map(len, found.iter_bytes()))


def slowly(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 80000\r\n\r\n")
    for _ in range(8):
        connection.sendall(b"x" * 10_000)
        time.sleep(0.1)


def silently(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 80000\r\n\r\nsome")
    hold(connection)


def in_drops(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 80000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.02)


def test_a_streamed_body_may_outlast_the_time_of_an_attempt() -> None:
    with scripted([slowly]) as script:
        started = time.monotonic()
        assert streamed(script, Policy(seconds=0.2, silence_seconds=0.3)) == 80_000
    assert time.monotonic() - started > 0.6


def test_a_streamed_body_may_neither_pause_nor_drip() -> None:
    policy = Policy(seconds=0.2, silence_seconds=0.2)
    with scripted([silently, in_drops]) as script:
        started = time.monotonic()
        with pytest.raises(httpx2.ReadTimeout):  # which huggingface_hub answers by going on from there
            streamed(script, policy)
        assert failure(lambda: streamed(script, policy)).kind == "timeout"
        assert time.monotonic() - started < 1.0


def test_streamed_bodies_are_limited_together() -> None:
    body = answer(bytes(40_000), Connection="close")
    bomb = answer(packed(50_000_000), Content_Encoding="gzip", Connection="close")
    allowance = Allowance(100_000)
    with scripted([body, body, body, bomb]) as script:
        assert [streamed(script, QUICK, allowance) for _ in range(2)] == [40_000, 40_000]
        assert failure(lambda: streamed(script, QUICK, allowance)).kind == "too_big"
        assert failure(lambda: streamed(script, QUICK, Allowance(1_000_000))).kind == "too_big"


def test_a_streamed_body_may_not_break_off_for_ever() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"
    allowance = Allowance(100_000, left_breaks=2)
    with scripted([cut] * 3) as script:
        for _ in range(2):
            with pytest.raises(httpx2.RemoteProtocolError):
                streamed(script, QUICK, allowance)
        assert failure(lambda: streamed(script, QUICK, allowance)).kind == "network"


def test_connections_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    connect = httpcore2.SyncBackend.connect_tcp

    def counted(self: Any, host: str, *rest: Any) -> httpcore2.NetworkStream:
        made.append(host)
        return connect(self, host, *rest)

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", counted)
    model = HubModel("a/b")
    with HubServer([model], cache_redirects=True) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        with Hub(QUICK) as hub:
            for _ in range(10):
                assert hub.file("a/b", model.sha, "config.json", 100).requests == 2
    assert len(made) == 1


def test_a_clients_threads_end_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threading.active_count()
    outcome([answer()], monkeypatch)
    assert threading.active_count() == before
