"""Every step of a connection ends in time, and none leads into a private network unasked."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpcore2
import pytest

from hub.deadline import DeadlineBackend, until
from tests.hub.scripted import scripted

PUBLIC = DeadlineBackend(lambda _: False)
ANYWHERE = DeadlineBackend(lambda _: True)
Resolver = Callable[..., list[Any]]


def resolved_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name mean these addresses; addresses mean themselves."""
    ask = socket.getaddrinfo

    def answer(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        if host in addresses:
            return ask(host, port, *rest, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def refuse_connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let no connection be made; return where one was tried."""
    tried: list[str] = []

    def connect(self: Any, host: str, *_: Any) -> Any:
        tried.append(host)
        raise httpcore2.ConnectError("refused")

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    return tried


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.0.0.1"], ["9.9.9.9", "169.254.169.254"], ["::1"], ["fd00::1"]]
)
def test_a_name_that_means_a_private_address_is_not_connected(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    tried = refuse_connections(monkeypatch)
    resolved_to(monkeypatch, *addresses)
    with pytest.raises(httpcore2.ConnectError, match="private network"):
        PUBLIC.connect_tcp("rebound.example", 443, 1.0)
    assert tried == []


def test_a_public_address_and_a_host_of_the_user_are_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = refuse_connections(monkeypatch)
    resolved_to(monkeypatch, "9.9.9.9")
    with pytest.raises(httpcore2.ConnectError, match="refused"):
        PUBLIC.connect_tcp("hub.example", 443, 1.0)
    resolved_to(monkeypatch, "10.0.0.1")
    with pytest.raises(httpcore2.ConnectError, match="refused"):
        DeadlineBackend(lambda host: host == "hub.company").connect_tcp("hub.company", 443, 1.0)
    assert tried == ["9.9.9.9", "10.0.0.1"], "the address that was looked at is the one that is connected"


def test_a_resolver_that_hangs_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        over.wait(10)
        raise OSError("the test is over")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    with pytest.raises(httpcore2.ConnectTimeout, match="not resolved in time"), until(started + 0.2):
        ANYWHERE.connect_tcp("slow.example", 443, 5.0)
    assert time.monotonic() - started < 1.5
    over.set()


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..example", "nobody.invalid"])
def test_a_name_that_cannot_be_resolved_is_a_failed_connection(host: str) -> None:
    with pytest.raises(httpcore2.ConnectError):
        ANYWHERE.connect_tcp(host, 443, 2.0)


def test_the_next_address_is_tried_when_one_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = httpcore2.SyncBackend.connect_tcp
    waits: list[float] = []

    def slow(self: Any, host: str, port: int, timeout: float, *rest: Any) -> httpcore2.NetworkStream:
        waits.append(timeout)
        if host != "127.0.0.1":
            time.sleep(timeout)
            raise httpcore2.ConnectTimeout("silent")
        return connect(self, host, port, timeout, *rest)

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", slow)
    resolved_to(monkeypatch, "127.0.0.2", "127.0.0.3", "127.0.0.1")
    started = time.monotonic()
    with scripted([b""]) as script, until(started + 0.4):
        ANYWHERE.connect_tcp("many.example", int(script.url.rpartition(":")[2]), 5.0).close()
    assert len(waits) == 3 and time.monotonic() - started < 1.0
    assert sum(waits[:2]) < 0.35, "the silent ones leave time for the last"


def test_connecting_ends_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = refuse_connections(monkeypatch)
    with pytest.raises(httpcore2.ConnectTimeout), until(time.monotonic() - 1):
        ANYWHERE.connect_tcp("127.0.0.1", 1, 5.0)
    assert tried == []


def trickle(connection: socket.socket) -> None:
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.02)


def test_reads_that_each_bring_a_byte_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted([trickle]) as script:
        stream = ANYWHERE.connect_tcp("127.0.0.1", int(script.url.rpartition(":")[2]), 1.0)
        stream.write(b"GET / HTTP/1.1\r\n\r\n", 1.0)
        started = time.monotonic()
        with pytest.raises(httpcore2.ReadTimeout), until(started + 0.3):
            while stream.read(10, timeout=5.0):
                pass
        assert 0.25 < time.monotonic() - started < 1.0
        stream.close()


def test_a_moment_holds_in_its_block_and_thread_alone() -> None:
    with scripted([b"yes"]) as script:
        stream = ANYWHERE.connect_tcp("127.0.0.1", int(script.url.rpartition(":")[2]), 1.0)
        with until(time.monotonic() - 1):
            with until(time.monotonic() + 5):
                stream.write(b"\r\n\r\n", 1.0)
            with pytest.raises(httpcore2.ReadTimeout):
                stream.read(1, 1.0)
            found: list[bytes] = []
            other = threading.Thread(target=lambda: found.append(stream.read(3, 1.0)))
            other.start()
            other.join()
        assert found == [b"yes"]
        stream.close()
