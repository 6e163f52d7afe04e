"""Connections whose every step ends in time: name resolution, connecting, TLS, each read, and all of it together.

httpx2 limits the single read; a server that sends a byte now and then, in its headers too, keeps it waiting for ever.
Here every step gets what is left until the moment set for this thread by `until`.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any
from weakref import WeakSet

import httpcore2

from hub.address import is_private

_moment = threading.local()
LONGEST_NAME_SECONDS = 5.0


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Let every network step of this thread inside the block end before `moment` (time.monotonic)."""
    before = getattr(_moment, "value", None)
    _moment.value = moment
    try:
        yield
    finally:
        _moment.value = before


class Connections:
    """All open connections of a client."""

    def __init__(self) -> None:
        self._streams = WeakSet[_DeadlineStream]()
        self._lock = threading.Lock()

    def add(self, stream: "_DeadlineStream") -> None:
        """Remember a connection for as long as somebody uses it."""
        with self._lock:
            self._streams.add(stream)

    def cut(self) -> None:
        """Wake whoever waits for an answer: closing a socket alone leaves its readers waiting."""
        with self._lock:
            streams = [*self._streams]
        for stream in streams:
            with suppress(OSError):  # it has ended by itself
                # Not the method of a socket with TLS, which would forget its keys while another thread reads.
                socket.socket.shutdown(stream.get_extra_info("socket"), socket.SHUT_RDWR)


@dataclass(frozen=True)
class DeadlineBackend(httpcore2.NetworkBackend):
    """httpcore2's blocking sockets, each step limited. `may_be_private` says it of a host's network."""

    may_be_private: Callable[[str], bool]
    connections: Connections = field(default_factory=Connections)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Resolve and connect to the first address that answers. Raises httpcore2's ConnectError and ConnectTimeout."""
        addresses = _resolve(host, port, _left(timeout, httpcore2.ConnectTimeout))
        if not self.may_be_private(host) and any(is_private(address) for address in addresses):
            raise httpcore2.ConnectError(f"{host} leads into a private network")
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, _left(timeout, httpcore2.ConnectTimeout) / 2, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port, _left(timeout, httpcore2.ConnectTimeout), socket_options)

    def _connect(self, address: str, port: int, seconds: float, options: Any) -> httpcore2.NetworkStream:
        stream = httpcore2.SyncBackend().connect_tcp(address, port, seconds, None, options)
        return _DeadlineStream(stream, self.connections)


class _DeadlineStream(httpcore2.NetworkStream):
    """A connection whose reads and writes end before the moment of the calling thread."""

    def __init__(self, stream: httpcore2.NetworkStream, connections: Connections) -> None:
        self._stream, self._connections = stream, connections
        connections.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(timeout, httpcore2.ConnectTimeout))
        return _DeadlineStream(stream, self._connections)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, too_late: type[Exception]) -> float:
    """Return the seconds that a step may take. Raises `too_late` when none are left."""
    moment = getattr(_moment, "value", None)
    left = float("inf") if moment is None else moment - time.monotonic()
    if left <= 0:
        raise too_late("the time for this request is over")
    return min(left, timeout or left, 3600.0)


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """Return the IP addresses of a host.

    The system's resolver cannot be interrupted: it runs in a thread of its own, left behind when the time is over.
    """
    answers: SimpleQueue[list[str] | OSError | UnicodeError] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as error:  # the second for a label that is empty or too long
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=min(seconds, LONGEST_NAME_SECONDS))
    except Empty as error:
        raise httpcore2.ConnectTimeout(f"the name {host} was not resolved in time") from error
    if not isinstance(answer, list):
        raise httpcore2.ConnectError(str(answer)) from answer
    return answer
