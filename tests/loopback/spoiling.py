"""How each fault spoils an answer: another answer instead of it, or bytes that are none."""

import asyncio
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache, partial
from typing import Any

from tests.loopback.faults import Fault
from tests.loopback.models import part_of, size_of
from tests.loopback.site import refusal
from tests.loopback.wire import Line, Reply, Request

DRIP_SECONDS = 0.05  # between two bytes
NESTING = 100_000  # levels of deep_json
_HUGE = 10**12
_BOMB_MEGABYTES = 4096
_SPOILED_BYTES = 2**20  # no more of the true body is sent before the answer goes wrong
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER switched on with no time to linger: close() resets


@dataclass(frozen=True)
class Case:
    """A request, the answer it should get, the address of the server, and the seconds that Retry-After asks for."""

    request: Request
    reply: Reply
    url: str
    retry_after: float


def _too_many(case: Case, seconds: str) -> Reply:
    return Reply(429, b"", {"Retry-After": seconds})


def _too_many_briefly(case: Case) -> Reply:
    return _too_many(case, f"{case.retry_after:g}")


def _too_many_until(case: Case) -> Reply:
    until = datetime.now(UTC) + timedelta(seconds=case.retry_after)
    return _too_many(case, format_datetime(until, usegmt=True))


def _too_many_ratelimit(_: Case) -> Reply:
    return Reply(429, b"", {"ratelimit": '"api";r=0;t=1'})


def _status(status: int, _: Case) -> Reply:
    return Reply(status)


def _redirect(place: str, _: Case) -> Reply:
    return Reply(302, b"", {"Location": place})


def _redirect_loop(case: Case) -> Reply:
    return Reply(302, b"", {"Location": case.request.target})


def _instead(body: bytes, _: Case) -> Reply:
    return Reply(200, body, {"Content-Type": "application/json"})


def _wrong_types(case: Case) -> Reply:
    """Return the true document with a value of another type in each place; 7 where it is no document."""
    try:
        document = json.loads(part_of(case.reply.body, 0, _SPOILED_BYTES))
    except ValueError:
        return _instead(b"7", case)
    twisted = [*map(_twisted, document), 7, None] if isinstance(document, list) else _twisted(document)
    return _instead(json.dumps(twisted).encode(), case)


def _twisted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _other_type(item) for name, item in value.items()}
    return _other_type(value)


def _other_type(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else [str(value)] if isinstance(value, int | float) else "words"


@cache
def bomb() -> bytes:
    """Return a gzip document of a few megabytes that becomes `_BOMB_MEGABYTES` megabytes of spaces."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    start = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    # What follows a full flush depends on nothing before it, so it can stand there any number of times.
    again = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + again * (_BOMB_MEGABYTES - 1)


def _gzip_bomb(_: Case) -> Reply:
    return Reply(200, bomb(), {"Content-Type": "application/json", "Content-Encoding": "gzip"})


def _with_length(length: str, case: Case) -> Reply:
    return replace(case.reply, headers={**case.reply.headers, "Content-Length": length})


def _linked(place: str, case: Case) -> Reply:
    if case.request.path != "/api/models":
        return case.reply
    return replace(case.reply, headers={**case.reply.headers, "Link": f'<{place}>; rel="next"'})


def _looping_link(case: Case) -> Reply:
    return _linked(case.url + case.request.target, case)


def _range_ignored(case: Case) -> Reply:
    if case.reply.whole is None:
        return case.reply
    headers = {name: value for name, value in case.reply.headers.items() if name != "Content-Range"}
    return Reply(200, case.reply.whole, headers, case.reply.whole)


def _range_asked(case: Case) -> tuple[int, int, int] | None:
    """Return start, end (not included) and the file's size of the range in the answer; None = it has none."""
    if case.reply.status != 206:
        return None
    span, _, size = case.reply.headers["Content-Range"].removeprefix("bytes ").partition("/")
    first, _, last = span.partition("-")
    return int(first), int(last) + 1, int(size)


def _part_reply(case: Case, start: int, end: int, told: str) -> Reply:
    """Return a 206 with the bytes from `start` to `end` that tells something about them."""
    whole = case.reply.whole or b""
    return replace(
        case.reply, body=part_of(whole, start, end), headers={**case.reply.headers, "Content-Range": f"bytes {told}"}
    )


def _wrong_content_range(case: Case) -> Reply:
    asked = _range_asked(case)
    return case.reply if asked is None else _part_reply(case, asked[0], asked[1], "9-5/3")


def _other_range(case: Case) -> Reply:
    """Send bytes that begin one place further on."""
    asked = _range_asked(case)
    if asked is None:
        return case.reply
    start, end, size = asked[0] + 1, min(asked[1] + 1, asked[2]), asked[2]
    return _part_reply(case, start, end, f"{start}-{end - 1}/{size}")


def _short_range(case: Case) -> Reply:
    asked = _range_asked(case)
    if asked is None:
        return case.reply
    start, size = asked[0], asked[2]
    end = start + max(1, (asked[1] - start) // 2)
    return _part_reply(case, start, end, f"{start}-{end - 1}/{size}")


def _long_range(case: Case) -> Reply:
    """Send the bytes asked for, and as many more; the file counts as endless."""
    asked = _range_asked(case)
    if asked is None:
        return case.reply
    body = part_of(case.reply.body, 0, size_of(case.reply.body))
    return replace(case.reply, body=body + body)


REPLACED: dict[Fault, Callable[[Case], Reply]] = {
    "gated": lambda _: refusal(403, "GatedRepo", "Access to this model is restricted."),
    "unauthorized": lambda _: refusal(401, "GatedRepo", "Access to this model is restricted. Please log in."),
    "disabled": lambda _: refusal(403, None, "Access to this resource is disabled."),
    "no_repository": lambda _: refusal(404, "RepoNotFound", "Repository not found"),
    "no_config": lambda _: refusal(404, "EntryNotFound", "Entry not found"),
    "server_error": partial(_status, 500),
    "bad_gateway": partial(_status, 502),
    "unavailable": partial(_status, 503),
    "too_many": partial(_too_many, seconds="3600"),
    "too_many_briefly": _too_many_briefly,
    "too_many_until": _too_many_until,
    "too_many_ratelimit": _too_many_ratelimit,
    "no_content": partial(_status, 204),
    "not_modified": partial(_status, 304),
    "elsewhere": partial(_redirect, "http://localhost:1/stolen"),
    "foreign_redirect": partial(_redirect, "http://hub.invalid/stolen"),
    "file_redirect": partial(_redirect, "file:///etc/passwd"),
    "redirect_loop": _redirect_loop,
    "broken_json": partial(_instead, b'{"model_type": "lla'),
    "garbage_json": partial(_instead, b'{"model_type": \x00\xff\xfe NaN,,}'),
    "deep_json": partial(_instead, b"[" * NESTING + b"]" * NESTING),
    "wrong_types": _wrong_types,
    "gzip_bomb": _gzip_bomb,
    "negative_length": partial(_with_length, "-5"),
    "text_length": partial(_with_length, "many"),
    "foreign_link": partial(_linked, "http://hub.invalid/api/models?cursor=1"),
    "looping_link": _looping_link,
    "range_ignored": _range_ignored,
    "wrong_content_range": _wrong_content_range,
    "other_range": _other_range,
    "short_range": _short_range,
    "long_range": _long_range,
}


async def _silence(line: Line, _: Case) -> None:
    await line.wait_until_left()


async def _drip(line: Line, start: bytes, drop: bytes) -> None:
    """Send a start and then one drop after the other until the other side goes."""
    await line.send(start)
    while not line.writer.is_closing():
        await asyncio.sleep(DRIP_SECONDS)
        await line.send(drop)


async def _dripping(line: Line, _: Case) -> None:
    await _drip(line, Reply(200, b"", {"Content-Length": str(_HUGE)}).head(), b" ")


async def _dripping_headers(line: Line, _: Case) -> None:
    await _drip(line, b"HTTP/1.1 200 OK\r\nX-Drops: ", b"x")


async def _endless(line: Line, _: Case) -> None:
    await line.send(Reply(200, b"", {"Content-Length": str(_HUGE)}).head())
    while True:
        await line.send(b" " * 1_000_000)


async def _endless_chunks(line: Line, _: Case) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await line.send(b"%x\r\n" % 1_000_000, b" " * 1_000_000, b"\r\n")


async def _send_half(line: Line, reply: Reply) -> None:
    """Send an answer that announces one byte more than it has, and half of it."""
    size = size_of(reply.body)
    head = replace(reply, headers={**reply.headers, "Content-Length": str(size + 1)}).head()
    await line.send(head, part_of(reply.body, 0, min(size // 2, _SPOILED_BYTES)))


async def _truncated(line: Line, case: Case) -> None:
    await _send_half(line, case.reply)


async def _reset(line: Line, case: Case) -> None:
    await _send_half(line, case.reply)
    line.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    line.writer.transport.abort()


async def _garbage(line: Line, _: Case) -> None:
    await line.send(b"\x16\x03\x01\x00\xff\xfe" * 100)


async def _bad_status_line(line: Line, _: Case) -> None:
    await line.send(b"HTTP/1.1 fine thanks\r\nContent-Length: 2\r\n\r\n{}")


async def _huge_headers(line: Line, _: Case) -> None:
    padding = b"X-Padding: " + b"x" * 16_000 + b"\r\n"
    await line.send(b"HTTP/1.1 200 OK\r\n", padding * 64, b"Content-Length: 2\r\n\r\n{}")


STREAMED: dict[Fault, Callable[[Line, Case], Awaitable[None]]] = {
    "silent": _silence,
    "dripping": _dripping,
    "dripping_headers": _dripping_headers,
    "endless": _endless,
    "endless_chunks": _endless_chunks,
    "truncated": _truncated,
    "reset": _reset,
    "garbage": _garbage,
    "bad_status_line": _bad_status_line,
    "huge_headers": _huge_headers,
}
