"""The HTTP client under every question to the Hub, huggingface_hub's own included."""

import random
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from hub.address import is_loopback, objection, origin
from hub.deadline import Connections, DeadlineBackend, until
from hub.errors import HubError, HubErrorKind, hidden
from hub.limits import RateClass, RateLimits, rate_class, retry_after
from hub.policy import Allowance, Policy, Traffic

ANSWER_BYTES = 50_000_000  # limit of an answer where the question sets none; a page of a listing has about 1 MB
# Keys of a request's extensions: its limit, what it takes for an answer, how many requests it came to.
LIMIT_KEY, ACCEPT_KEY, COUNT_KEY = "arborist_limit_bytes", "arborist_accept", "arborist_requests"
_DEADLINE_KEY, _STREAMED_KEY = "arborist_deadline", "arborist_streamed"
_ENCODINGS = ("", "identity", "gzip")
_HEALING_STATUSES = frozenset({408, 500, 502, 503, 504})
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization")
_BODY_HEADERS = ("content-encoding", "content-length", "transfer-encoding")
_DROPPED_HEADERS = (b"set-cookie", b"set-cookie2")  # no question needs one, and a jar is shared state
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TIMEOUT_ATTEMPTS = 2  # each costs the whole time limit
_UNSTATED_WAIT = 20  # times the usual wait after a 429 that does not say how long
_SLOWEST = 1_000  # bytes a second that a streamed body must bring on average once the time of an attempt is over
_DEFLATE_RATIO = 1032  # bytes that one of deflate becomes at most; zlib's technical notes, maximum compression factor
_PACKED_PIECE = 4096  # bytes that are unpacked at once, so that a bomb is 4 MB and not 64 when it is noticed
_REDIRECT_BYTES = 65_536  # of a redirect's body that are read to keep its connection; the Hub's has about 100

Accept = Callable[[httpx2.Response], str | None]


@dataclass(frozen=True)
class _Failure:
    """An attempt that another one may heal, and how long the Hub asks to wait before it, seconds; None = not said."""

    kind: HubErrorKind
    detail: str
    wait_seconds: float | None = None


class HubClient(httpx2.Client):
    """An httpx2 client of the endpoint `base` whose answers are whole, in time and within limits, or a `HubError`.

    huggingface_hub waits and tries again without limit when it sees httpx2's own exceptions or a status such as 429;
    it lets a `HubError` pass. An answer with another status is returned as it is: its meaning is the caller's. A body
    that is not streamed is read whole here, so that a cut or reset body is a failed attempt like any other. Of a
    streamed one silence is limited, and its mean speed, and by `allowance` its size. Closing ends all waits.
    Raises `HubError` for a proxy in the environment that is of no known kind.
    """

    def __init__(
        self,
        base: str,
        policy: Policy,
        limits: RateLimits,
        traffic: Traffic,
        *,
        threads: int = 16,
        allowance: Allowance | None = None,
    ) -> None:
        self._base, self._closing = base, threading.Event()
        super().__init__(
            transport=_Transport(self._base, policy.silence_seconds, threads, allowance),
            follow_redirects=True,
            max_redirects=5,
            headers={"accept-encoding": "gzip"},
            timeout=policy.silence_seconds,
        )
        self._policy, self._limits, self.traffic = policy, limits, traffic
        # The threads' own pauses are no waits for a limit: the last of them waits for all others.
        self._patience_seconds = policy.longest_wait_seconds + policy.pause_seconds * threads

    def close(self) -> None:
        """Close all connections; questions that wait end as `HubError`."""
        self._closing.set()
        super().close()

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Send a request, again where that can heal. Raises `HubError`."""
        from huggingface_hub import is_offline_mode

        if is_offline_mode():  # the library's own client would look, and this one stands in its place
            raise HubError("network", f"{_host(request)} is not asked: HF_HUB_OFFLINE is set")
        name = rate_class(str(request.url))
        request.extensions = {**request.extensions, _STREAMED_KEY: stream, COUNT_KEY: [0]}
        patience = _Patience(self._patience_seconds, self.traffic, self._closing)
        attempts = 0
        while True:
            self._pace(name, request, patience)
            outcome = self._attempt(request, name, options, retry=attempts > 0)
            if isinstance(outcome, httpx2.Response):
                return outcome
            attempts += 1
            most = _TIMEOUT_ATTEMPTS if outcome.kind == "timeout" else self._policy.attempts
            if attempts >= min(most, self._policy.attempts):
                raise HubError(outcome.kind, f"{_host(request)}: {outcome.detail}")
            patience.wait(self._pause_before_next(outcome, attempts), request)

    def _attempt(
        self, request: httpx2.Request, name: RateClass, options: dict[str, Any], *, retry: bool
    ) -> "httpx2.Response | _Failure":
        """Return an answer, or why there is none that could not be another time. Raises `HubError` for the rest."""
        if self.is_closed:
            raise HubError("network", f"{_host(request)} is not asked: the connections were closed")
        started, read, stream = time.monotonic(), [0], request.extensions[_STREAMED_KEY]
        request.extensions[_DEADLINE_KEY] = started + self._policy.seconds
        try:
            answer = super().send(request, stream=True, **options)
            self._learn(answer, name)
            if answer.status_code == 200 and "range" in request.headers and not stream:
                answer.close()
                return _Failure("network", "answers with the whole file where a range was asked for (status 200)")
            return self._judged(answer if stream else _read_whole(answer, read), name)
        except httpx2.TimeoutException as error:
            return _Failure("timeout", f"no whole answer in time ({_first_line(error, request)})")
        except (httpx2.RemoteProtocolError, httpx2.NetworkError, httpx2.DecodingError) as error:
            return _Failure("network", f"{type(error).__name__}: {_first_line(error, request)}")
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise HubError(
                "network", f"{_host(request)}: {type(error).__name__}: {_first_line(error, request)}"
            ) from error
        finally:
            self.traffic.count(n_bytes=read[0], seconds=time.monotonic() - started, retry=retry)

    def _judged(self, answer: httpx2.Response, name: RateClass) -> "httpx2.Response | _Failure":
        """Return an answer, or a failure when it says "later", or is not what its question accepts."""
        wait = retry_after(answer.headers)
        if answer.status_code == 429:
            answer.close()
            if wait is not None and wait > self._policy.longest_wait_seconds and self._is_own(answer):
                self._limits.refused(name, wait)
            asked = "does not say how long" if wait is None else f"asks to wait {wait:.0f} s"
            return _Failure("rate_limited", f"status 429, {asked}", wait)
        self._limits.answered(name)
        if answer.status_code in _HEALING_STATUSES:
            answer.close()
            return _Failure("network", f"status {answer.status_code}", wait)
        accept = answer.request.extensions.get(ACCEPT_KEY)
        objected = accept(answer) if accept else None
        return _Failure("network", objected) if objected else answer

    def _learn(self, answer: httpx2.Response, name: RateClass) -> None:
        """Take over what the endpoint says of its limits: often in the redirect, never in another host's answer."""
        for step in (*answer.history, answer):
            if self._is_own(step):
                self._limits.learn(name, step.headers)

    def _is_own(self, answer: httpx2.Response) -> bool:
        return origin(str(answer.url)) == origin(self._base)

    def _pace(self, name: RateClass, request: httpx2.Request, patience: "_Patience") -> None:
        granted = False
        while not granted:
            reservation = self._limits.reserve(name, longest_seconds=patience.left_seconds)
            if reservation.seconds > 0:
                patience.wait(reservation.seconds, request)
            granted = reservation.granted

    def _pause_before_next(self, failure: _Failure, attempts: int) -> float:
        spread = random.uniform(0.5, 1.5)  # noqa: S311  # keeps threads from coming back together
        usual = self._policy.backoff_seconds * 2 ** (attempts - 1) * spread
        if failure.wait_seconds is None:
            return usual * (_UNSTATED_WAIT if failure.kind == "rate_limited" else 1)
        return max(failure.wait_seconds, usual)


@dataclass
class _Patience:
    """How long one question may still wait, all its waits together, seconds."""

    left_seconds: float
    traffic: Traffic
    closing: threading.Event

    def wait(self, seconds: float, request: httpx2.Request) -> None:
        """Sleep. Raises `HubError`: rate_limited when that is too long, network when the client is closed meanwhile."""
        if seconds > self.left_seconds:
            raise HubError(
                "rate_limited", f"{_host(request)} asks to wait {seconds:.0f} s, {self.left_seconds:.0f} s are allowed"
            )
        self.left_seconds -= seconds
        self.traffic.waited(seconds)
        if self.closing.wait(seconds):
            raise HubError("network", f"{_host(request)} is not asked: the connections were closed")


class _Transport(httpx2.BaseTransport):
    """One attempt: the address is checked, credentials stay with the endpoint, every step ends in time."""

    def __init__(self, base: str, silence_seconds: float, threads: int, allowance: Allowance | None) -> None:
        self._base, self._silence, self._allowance = base, silence_seconds, allowance
        self._connections = Connections()
        self._pools = _pools(base, threads, self._connections)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request. Raises httpx2's exceptions, and `HubError` for an address that is not asked."""
        url = str(request.url)
        objected = objection(url, self._base)
        if objected:
            raise HubError("network", f"{_host(request)} is not asked: {objected}")
        if origin(url) != origin(self._base):
            for name in _CREDENTIALS:
                request.headers.pop(name, None)
        moment = request.extensions.get(_DEADLINE_KEY, time.monotonic() + 3600.0)
        request.extensions.get(COUNT_KEY, [0])[0] += 1  # shared with the request that was redirected here
        with until(moment), _translated(request):
            answer = self._pool(url).handle_request(_core_request(request, self._silence, moment))
            if answer.status in _REDIRECTS:
                _pass_over(answer)
        headers = [(name, value) for name, value in answer.headers if name.lower() not in _DROPPED_HEADERS]
        if answer.status in _REDIRECTS:
            return httpx2.Response(answer.status, headers=headers, extensions=answer.extensions)
        body = _Body(answer, request, moment, self._allowance)
        return httpx2.Response(answer.status, headers=headers, stream=body, extensions=answer.extensions)

    def close(self) -> None:
        """Close all connections, those that somebody waits for, too."""
        self._connections.cut()
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: str) -> httpcore2.ConnectionPool:
        scheme, host, port = origin(url)
        through_proxy = scheme in self._pools and not urllib.request.proxy_bypass(f"{host}:{port}")
        return self._pools[scheme if through_proxy else "direct"]


class _Body(httpx2.SyncByteStream):
    """A body on its way: read before the deadline, at most as many bytes as the question allows.

    Weights take as long as they take: a streamed body has no deadline, but must not trickle.
    """

    def __init__(
        self, answer: httpcore2.Response, request: httpx2.Request, moment: float, allowance: Allowance | None
    ) -> None:
        self._answer, self._request, self._moment, self._allowance = answer, request, moment, allowance
        self._streamed = bool(request.extensions.get(_STREAMED_KEY))
        self._packed = any(name.lower() == b"content-encoding" for name, _ in answer.headers)
        self._limit = request.extensions.get(LIMIT_KEY)

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        parts = iter(self._answer.iter_stream())
        while part := self._next(parts):
            read += len(part)
            self._judge(read, len(part))
            size = _PACKED_PIECE if self._packed else len(part)
            yield from (part[start : start + size] for start in range(0, len(part), size))

    def _next(self, parts: Iterator[bytes]) -> bytes:
        """Return the next bytes of the body, none at its end."""
        try:
            with until(float("inf") if self._streamed else self._moment), _translated(self._request):
                return next(filter(None, parts), b"")
        except httpx2.TransportError as error:
            if self._streamed and self._allowance and not self._allowance.forgives():
                raise HubError("network", f"{_host(self._request)} breaks off again and again") from error
            raise

    def _judge(self, read: int, latest: int) -> None:
        """Raise `HubError` when a body is too big or too slow; `read` bytes so far, `latest` of them just now."""
        if self._limit is not None and read > self._limit:
            raise _too_big(self._request, self._limit, self._answer.status)
        if not self._streamed:
            return
        if self._allowance and not self._allowance.covers(latest * (_DEFLATE_RATIO if self._packed else 1)):
            raise HubError("too_big", f"{_host(self._request)} sends more bytes than this download allows")
        if read < (time.monotonic() - self._moment) * _SLOWEST:
            raise HubError("timeout", f"{_host(self._request)} sends fewer than {_SLOWEST:,} bytes a second")

    def close(self) -> None:
        self._answer.close()


def _pass_over(answer: httpcore2.Response) -> None:
    """Read a redirect's body, if it is short, so that its connection can serve again, and forget it."""
    read = 0
    try:
        for part in answer.iter_stream():
            read += len(part)
            if read > _REDIRECT_BYTES:
                break
    finally:
        answer.close()


@contextmanager
def _translated(request: httpx2.Request) -> Iterator[None]:
    """Turn httpcore2's exceptions into httpx2's inside a with block."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.ReadTimeout(str(error), request=request) from error
    except httpcore2.NetworkError as error:
        raise httpx2.ReadError(str(error), request=request) from error
    except httpcore2.ProxyError as error:
        raise httpx2.ProxyError(str(error), request=request) from error
    except httpcore2.LocalProtocolError:  # its text quotes the header, which may be the token
        raise httpx2.LocalProtocolError("a header cannot be sent as it is", request=request) from None
    except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
        raise httpx2.RemoteProtocolError(str(error), request=request) from error


def _pools(base: str, threads: int, connections: Connections) -> dict[str, httpcore2.ConnectionPool]:
    """Return a pool of direct connections and one for each scheme that the environment sends through a proxy."""
    backend = DeadlineBackend(lambda host: is_loopback(base) or host == origin(base)[1], connections)
    common: dict[str, Any] = {
        "max_connections": threads + 4,
        "max_keepalive_connections": threads + 4,
        "keepalive_expiry": 30.0,
        "network_backend": backend,
        "ssl_context": httpx2.create_ssl_context(),
    }
    pools = {"direct": httpcore2.ConnectionPool(**common)}
    for scheme, address in urllib.request.getproxies().items():
        if scheme in ("http", "https") and address:
            through = DeadlineBackend(lambda _: True, connections)
            pools[scheme] = _proxy(address, {**common, "network_backend": through})
    return pools


def _proxy(address: str, common: dict[str, Any]) -> httpcore2.ConnectionPool:
    """Return a pool behind a proxy, `host:port` or an address of http or https. Raises `HubError` for another kind."""
    try:
        proxy = httpx2.Proxy(address if "://" in address else f"http://{address}")
    except (httpx2.InvalidURL, ValueError):
        proxy = None  # the text of the error may hold the proxy's password
    if proxy is None or proxy.url.scheme not in ("http", "https"):
        raise HubError("network", "the environment names a proxy that is none of http or https")
    place = httpcore2.URL(
        scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
    )
    return httpcore2.HTTPProxy(proxy_url=place, proxy_auth=proxy.raw_auth, **common)


def _core_request(request: httpx2.Request, silence: float, moment: float) -> httpcore2.Request:
    left = max(0.0, min(silence, moment - time.monotonic()))  # the pool is the one wait that no socket ends
    limits = {**dict.fromkeys(("connect", "read", "write"), silence), "pool": left}
    return httpcore2.Request(
        method=request.method,
        url=httpcore2.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        ),
        headers=request.headers.raw,
        content=request.stream,
        extensions={"timeout": limits},
    )


def _read_whole(answer: httpx2.Response, read: list[int]) -> httpx2.Response:
    """Return an answer with its body in memory, decompressed; `read` gets the bytes so far."""
    limit = answer.request.extensions.get(LIMIT_KEY, ANSWER_BYTES)
    if answer.headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
        answer.close()
        raise HubError("network", f"{_host(answer.request)} answers in an encoding that was not asked for")
    content = bytearray()
    try:
        for part in answer.iter_bytes():
            content += part
            read[0] = len(content)
            if len(content) > limit:
                raise _too_big(answer.request, limit, answer.status_code)
    finally:
        answer.close()
    of_head = answer.request.method == "HEAD"  # what it says of the body is its point
    kept = [(name, value) for name, value in answer.headers.multi_items() if of_head or name not in _BODY_HEADERS]
    body = None if of_head else bytes(content)
    return httpx2.Response(answer.status_code, headers=kept, content=body, request=answer.request)


def _too_big(request: httpx2.Request, limit: int, status: int) -> Exception:
    """Return the error for more bytes than the limit; of a range, whose size was asked for, another try may heal it."""
    if status == 206:
        return httpx2.RemoteProtocolError("a range with more bytes than were asked for", request=request)
    return HubError("too_big", f"{_host(request)} sends more than {limit:,} bytes")


def _host(request: httpx2.Request) -> str:
    return request.url.host


def _first_line(error: Exception, request: httpx2.Request) -> str:
    """Return the first line of an error's text: addresses with a query, which may be signed, are cut there."""
    line = next(iter(str(error).splitlines()), "").partition("?")[0]
    return hidden(line, request.headers.get("authorization"))[:300]
