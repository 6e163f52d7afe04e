"""The HTTP client that `hub.py` puts under huggingface_hub. Imported there alone, when a connection is wanted."""

from collections.abc import Iterator
from typing import Any

import httpx2

from model_extract.failures import UnreadableError

ANSWER_BYTES = 50_000_000  # limit of any answer; a page of a listing has a few hundred kB


class HubClient(httpx2.Client):
    """A client for one host whose failures are final.

    huggingface_hub waits and tries again when it sees httpx2's own exceptions or a status such as 429, for as long as
    the server tells it to. Here both become an `UnreadableError`, which it lets pass.
    """

    def __init__(self, host: str, seconds: float) -> None:
        super().__init__(follow_redirects=True, max_redirects=5, timeout=seconds)
        self._host = host
        self.event_hooks = {"request": [self._stay], "response": [self._check]}

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request. Raises `UnreadableError` where httpx2 would raise its own exceptions."""
        try:
            return super().send(request, **options)
        except httpx2.TimeoutException as error:
            raise UnreadableError("timeout", f"{self._host} is silent ({type(error).__name__})") from error
        except httpx2.HTTPError as error:
            raise UnreadableError("network", f"{self._host}: {type(error).__name__}: {error}") from error

    def _stay(self, request: httpx2.Request) -> None:
        if request.url.host != self._host:
            raise UnreadableError("network", f"{self._host} sends on to another host, {request.url.host}")

    def _check(self, answer: httpx2.Response) -> None:
        if answer.status_code == 429:
            raise UnreadableError("rate_limited", f"{self._host} says: too many requests (status 429)")
        if answer.status_code >= 500 or answer.status_code == 408:
            raise UnreadableError("network", f"{self._host} answers with status {answer.status_code}")
        if isinstance(answer.stream, httpx2.SyncByteStream):
            answer.stream = _CappedStream(answer.stream)


class _CappedStream(httpx2.SyncByteStream):
    """A body that raises when it becomes too long."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for part in self._stream:
            read += len(part)
            if read > ANSWER_BYTES:
                raise UnreadableError("network", f"an answer of more than {ANSWER_BYTES:,} bytes")
            yield part

    def close(self) -> None:
        self._stream.close()
