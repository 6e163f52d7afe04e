"""The HTTP client under every question to the Hub, huggingface_hub's own included."""

import random
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from hub.address import endpoint, is_loopback, objection, origin
from hub.deadline import DeadlineBackend, until
from hub.errors import HubError, HubErrorKind
from hub.limits import RateClass, RateLimits, rate_class, retry_after
from hub.policy import Policy, Traffic

ANSWER_BYTES = 50_000_000  # limit of an answer where the question sets none; a page of a listing has about 1 MB
# Keys of a request's extensions: its limit, what it takes for an answer, how many requests it came to.
LIMIT_KEY, ACCEPT_KEY, COUNT_KEY = "arborist_limit_bytes", "arborist_accept", "arborist_requests"
_DEADLINE_KEY, _STREAMED_KEY = "arborist_deadline", "arborist_streamed"
_ENCODINGS = ("", "identity", "gzip")
_HEALING_STATUSES = frozenset({408, 500, 502, 503, 504})
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization")
_TIMEOUT_ATTEMPTS = 2  # each costs the whole time limit

Accept = Callable[[httpx2.Response], str | None]


@dataclass(frozen=True)
class _Failure:
    """An attempt that another one may heal, and how long the Hub asks to wait before it, seconds."""

    kind: HubErrorKind
    detail: str
    wait_seconds: float = 0.0


class HubClient(httpx2.Client):
    """An httpx2 client whose answers are whole, in time and within limits, or a `HubError`.

    huggingface_hub waits and tries again without limit when it sees httpx2's own exceptions or a status such as 429;
    it lets a `HubError` pass. An answer with another status is returned as it is: its meaning is the caller's. A body
    that is not streamed is read whole here, so that a cut or reset body is a failed attempt like any other.
    """

    def __init__(self, policy: Policy, limits: RateLimits, traffic: Traffic, *, threads: int = 16) -> None:
        super().__init__(
            transport=_Transport(endpoint(), policy.silence_seconds, threads),
            follow_redirects=True,
            max_redirects=5,
            headers={"accept-encoding": "gzip"},
            timeout=policy.silence_seconds,
        )
        self._policy, self._limits, self.traffic = policy, limits, traffic

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Send a request, again where that can heal. Raises `HubError`."""
        name = rate_class(str(request.url))
        request.extensions = {**request.extensions, _STREAMED_KEY: stream, COUNT_KEY: [0]}
        patience = _Patience(self._policy.longest_wait_seconds, self.traffic)
        attempts = 0
        while True:
            self._pace(name, request, patience)
            outcome = self._attempt(request, name, options, retry=attempts > 0)
            if isinstance(outcome, httpx2.Response):
                return outcome
            attempts += 1
            if attempts >= (_TIMEOUT_ATTEMPTS if outcome.kind == "timeout" else self._policy.attempts):
                raise HubError(outcome.kind, f"{_host(request)}: {outcome.detail}")
            patience.wait(max(outcome.wait_seconds, self._backoff(attempts)), request)

    def _attempt(
        self, request: httpx2.Request, name: RateClass, options: dict[str, Any], *, retry: bool
    ) -> "httpx2.Response | _Failure":
        """Return an answer, or why there is none that could not be another time. Raises `HubError` for the rest."""
        started, read, stream = time.monotonic(), [0], request.extensions[_STREAMED_KEY]
        request.extensions[_DEADLINE_KEY] = started + self._policy.seconds
        try:
            answer = super().send(request, stream=True, **options)
            if answer.status_code == 200 and "range" in request.headers and not stream:
                answer.close()
                return _Failure("network", "answers with the whole file where a range was asked for (status 200)")
            return self._judged(answer if stream else _read_whole(answer, read), name)
        except httpx2.TimeoutException as error:
            return _Failure("timeout", f"no whole answer in time ({_first_line(error)})")
        except (httpx2.RemoteProtocolError, httpx2.NetworkError, httpx2.DecodingError) as error:
            return _Failure("network", f"{type(error).__name__}: {_first_line(error)}")
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise HubError("network", f"{_host(request)}: {type(error).__name__}: {_first_line(error)}") from error
        finally:
            self.traffic.count(n_bytes=read[0], seconds=time.monotonic() - started, retry=retry)

    def _judged(self, answer: httpx2.Response, name: RateClass) -> "httpx2.Response | _Failure":
        """Return an answer, or a failure when it says "later", or is not what its question accepts."""
        self._limits.learn(name, answer.headers)
        wait = retry_after(answer.headers) or 0.0
        if answer.status_code == 429:
            answer.close()
            if wait > self._policy.longest_wait_seconds:
                self._limits.refused(name, wait)
            return _Failure("rate_limited", f"status 429, asks to wait {wait:.0f} s", wait)
        self._limits.answered(name)
        if answer.status_code in _HEALING_STATUSES:
            answer.close()
            return _Failure("network", f"status {answer.status_code}", wait)
        accept = answer.request.extensions.get(ACCEPT_KEY)
        objected = accept(answer) if accept else None
        return _Failure("network", objected) if objected else answer

    def _pace(self, name: RateClass, request: httpx2.Request, patience: "_Patience") -> None:
        while not (reservation := self._limits.reserve(name)).granted:
            patience.wait(reservation.seconds, request)
        if reservation.seconds > 0:
            patience.wait(reservation.seconds, request)

    def _backoff(self, attempts: int) -> float:
        spread = random.uniform(0.5, 1.5)  # noqa: S311  # keeps threads from coming back together
        return self._policy.backoff_seconds * 2 ** (attempts - 1) * spread


@dataclass
class _Patience:
    """How long one question may still wait, all its waits together, seconds."""

    left_seconds: float
    traffic: Traffic

    def wait(self, seconds: float, request: httpx2.Request) -> None:
        """Sleep. Raises `HubError` with rate_limited when that is too long."""
        if seconds > self.left_seconds:
            raise HubError(
                "rate_limited", f"{_host(request)} asks to wait {seconds:.0f} s, {self.left_seconds:.0f} s are allowed"
            )
        self.left_seconds -= seconds
        self.traffic.waited(seconds)
        time.sleep(seconds)


class _Transport(httpx2.BaseTransport):
    """One attempt: the address is checked, credentials stay with the endpoint, every step ends in time."""

    def __init__(self, base: str, silence_seconds: float, threads: int) -> None:
        self._base, self._silence = base, silence_seconds
        self._pools = _pools(base, threads)

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
            answer = self._pool(url).handle_request(_core_request(request, self._silence))
        headers = httpx2.Headers(answer.headers)
        return httpx2.Response(
            answer.status, headers=headers, stream=_Body(answer, request, moment), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: str) -> httpcore2.ConnectionPool:
        scheme, host, _ = origin(url)
        through_proxy = scheme in self._pools and not urllib.request.proxy_bypass(host)
        return self._pools[scheme if through_proxy else "direct"]


class _Body(httpx2.SyncByteStream):
    """A body on its way: read before the deadline, at most as many bytes as the question allows."""

    def __init__(self, answer: httpcore2.Response, request: httpx2.Request, moment: float) -> None:
        self._answer, self._request = answer, request
        # Weights take as long as they take: of a streamed body only the single pause is limited.
        self._moment = float("inf") if request.extensions.get(_STREAMED_KEY) else moment
        self._limit = request.extensions.get(LIMIT_KEY)

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        with until(self._moment), _translated(self._request):
            for part in self._answer.iter_stream():
                read += len(part)
                if self._limit is not None and read > self._limit:
                    raise _too_big(self._request, self._limit)
                yield part

    def close(self) -> None:
        self._answer.close()


class _translated:  # noqa: N801  # reads as a statement
    """Turn httpcore2's exceptions into httpx2's inside a with block."""

    def __init__(self, request: httpx2.Request) -> None:
        self._request = request

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, httpcore2.TimeoutException):
            raise httpx2.ReadTimeout(str(error), request=self._request) from error
        if isinstance(error, httpcore2.NetworkError):
            raise httpx2.ReadError(str(error), request=self._request) from error
        if isinstance(error, httpcore2.ProtocolError | httpcore2.UnsupportedProtocol):
            raise httpx2.RemoteProtocolError(str(error), request=self._request) from error


def _pools(base: str, threads: int) -> dict[str, httpcore2.ConnectionPool]:
    """Return a pool of direct connections and one for each scheme that the environment sends through a proxy."""
    backend = DeadlineBackend(lambda host: is_loopback(base) or host == origin(base)[1])
    common: dict[str, Any] = {
        "max_connections": threads + 4,
        "max_keepalive_connections": threads + 4,
        "keepalive_expiry": 30.0,
        "network_backend": backend,
        "ssl_context": httpx2.create_ssl_context(),
    }
    pools = {"direct": httpcore2.ConnectionPool(**common)}
    for scheme, address in urllib.request.getproxies().items():
        if scheme in ("http", "https") and address.startswith(("http://", "https://")):
            through = DeadlineBackend(lambda _: True)
            pools[scheme] = httpcore2.HTTPProxy(proxy_url=address, **{**common, "network_backend": through})
    return pools


def _core_request(request: httpx2.Request, silence: float) -> httpcore2.Request:
    limits = dict.fromkeys(("connect", "read", "write", "pool"), silence)
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
                raise _too_big(answer.request, limit)
    finally:
        answer.close()
    kept = [(name, value) for name, value in answer.headers.multi_items() if name not in _BODY_HEADERS]
    return httpx2.Response(answer.status_code, headers=kept, content=bytes(content), request=answer.request)


_BODY_HEADERS = ("content-encoding", "content-length", "transfer-encoding")


def _too_big(request: httpx2.Request, limit: int) -> HubError:
    return HubError("too_big", f"{_host(request)} sends more than {limit:,} bytes")


def _host(request: httpx2.Request) -> str:
    return request.url.host


def _first_line(error: Exception) -> str:
    """Return the first line of an error's text: addresses with a query, which may be signed, are cut there."""
    return next(iter(str(error).splitlines()), "").partition("?")[0][:300]
