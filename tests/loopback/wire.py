"""HTTP/1.1 as far as the loopback Hub speaks it: requests read and answers written by hand, so that it is quick."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.client import responses
from typing import Any
from urllib.parse import parse_qs

from tests.loopback.models import Content, part_of, size_of

HEAD_BYTES = 2**16  # limit of a request's head
_CHUNK = 2**18
_BODYLESS = (204, 304)


@dataclass(frozen=True)
class Request:
    """A request as it came; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """The path of the target, still quoted."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def says(self, name: str) -> bool:
        """Return whether a parameter of the query is switched on."""
        return self.query.get(name, [""])[0].lower() in ("true", "1")

    @property
    def token(self) -> str | None:
        """The token that the request carries."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" and token else None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `whole` is the file that the body is, or is a part of."""

    status: int
    body: Content = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    whole: Content | None = None

    def head(self) -> bytes:
        """Return the status line and the headers; a Content-Length among them replaces the true one."""
        length = {} if self.status in _BODYLESS else {"Content-Length": str(size_of(self.body))}
        lines = [f"{name}: {value}\r\n" for name, value in {**length, **self.headers}.items()]
        head = f"HTTP/1.1 {self.status} {responses[self.status]}\r\n{''.join(lines)}\r\n"
        return head.encode("latin-1", "backslashreplace")


@dataclass
class Counts:
    """What the server did: requests by class, answers spoiled by fault, requests over the budget, bytes sent."""

    requests: Counter[str] = field(default_factory=Counter)
    spoiled: Counter[str] = field(default_factory=Counter)
    over_budget: int = 0
    bytes_sent: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the counters as a JSON object."""
        return {**vars(self), "requests": {**self.requests}, "spoiled": {**self.spoiled}}


def parse_head(head: bytes) -> Request:
    """Return the request with this head. Raises `ValueError`."""
    first, *lines = head.removesuffix(b"\r\n\r\n").decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, target, headers)


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: Counts) -> None:
        self.reader = reader
        self.writer = writer
        self.counts = counts

    async def receive(self) -> Request | None:
        """Return the next request, whose body is read and forgotten; None = the client has gone or speaks no HTTP."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            request = parse_head(head)
            await self.reader.readexactly(int(request.headers.get("content-length", 0)))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            return None
        return request

    async def send(self, *parts: bytes) -> None:
        """Send bytes and wait until the other side takes them. Raises `ConnectionError` when it has gone."""
        data = b"".join(parts)
        self.counts.bytes_sent += len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, reply: Reply, with_body: bool) -> None:
        """Send an answer, a large one in pieces."""
        size = size_of(reply.body) if with_body and reply.status not in _BODYLESS else 0
        await self.send(reply.head(), part_of(reply.body, 0, min(size, _CHUNK)))
        for start in range(_CHUNK, size, _CHUNK):
            await self.send(part_of(reply.body, start, min(start + _CHUNK, size)))

    async def wait_until_left(self) -> None:
        """Say nothing until the other side goes."""
        while await self.reader.read(HEAD_BYTES):
            pass
