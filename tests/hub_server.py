"""A Hugging Face Hub on loopback, quick enough for benchmarks, and every way to answer badly.

with HubServer([HubModel("owner/name", config={...})]) as server:
    monkeypatch.setenv("HF_ENDPOINT", server.url)

It speaks what huggingface_hub uses to read: listings with filters and paging, a model's information and tree, files
with ranges and redirects, tasks, whoami. Its parts are in tests/loopback/: models (what is served), catalog (listings),
site (the right answers), faults and spoiling (the wrong ones), budget (rate limits), wire (HTTP), process (the server
in a process of its own). `GET /__counts` gives the counters as JSON.
"""

import asyncio
import socket
import threading
from collections.abc import Iterable
from typing import Self

from tests.loopback.budget import Budget, Budgets
from tests.loopback.faults import Fault, FaultPlan, FaultState
from tests.loopback.models import HubModel, SparseFile
from tests.loopback.site import Site, as_json, class_of
from tests.loopback.spoiling import REPLACED, STREAMED, Case
from tests.loopback.wire import Counts, Line, Reply, Request

__all__ = ["PAGE_SIZE", "Fault", "FaultPlan", "HubModel", "HubServer", "SparseFile"]

PAGE_SIZE = 20  # models a page, so that a listing of 50 has three
_BACKLOG = 1024
_PATIENCE_SECONDS = 10.0  # for starting and stopping, which take milliseconds


class HubServer:
    """The server; it listens from the beginning and answers inside `with`.

    Args:
        models: what is served; `models` may be changed while the server runs.
        listing_fault: spoils every listing.
        page_size: the most models a page of a listing has.
        faults: transient faults; their permanent kind is a model's own.
        budget: rate limits by class of requests (api, resolvers): how many in how many seconds.
        cdn: whether large files are on another host, `cdn_url`, with redirects to it.
        cache_redirects: whether small files are behind a redirect on the same host, as the Hub has them.
        retry_after: what the faults that say "too many, later" ask to wait, in seconds.
        granted_token: the token that opens gated models; None = none does.

    `requests` and `headers` (names in lower case) hold what came in, by target; `cdn_requests` and `cdn_headers` what
    came to the other host.
    """

    def __init__(
        self,
        models: Iterable[HubModel],
        listing_fault: Fault | None = None,
        *,
        page_size: int = PAGE_SIZE,
        faults: FaultPlan | None = None,
        budget: Budget | None = None,
        cdn: bool = False,
        cache_redirects: bool = False,
        retry_after: float = 1.0,
        granted_token: str | None = None,
    ) -> None:
        self.models = {model.model_id: model for model in models}
        self.listing_fault: Fault | None = listing_fault
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.cdn_requests: list[str] = []
        self.cdn_headers: list[dict[str, str]] = []
        self.counts = Counts()
        self._faults = FaultState(faults)
        self._budgets = Budgets(budget or {})
        self._retry_after = retry_after
        self._sockets = [socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) for _ in range(1 + cdn)]
        self._ports = [listener.getsockname()[1] for listener in self._sockets]
        self._site = Site(self.models, page_size, cache_redirects, granted_token)
        self._site.url = self.url
        self._site.cdn_url = self.cdn_url
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="loopback-hub", daemon=True)
        self._errors: list[BaseException] = []
        self._lines: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def cdn_url(self) -> str | None:
        """Where large files are; a client must see another host in it."""
        return f"http://localhost:{self._ports[1]}" if len(self._ports) > 1 else None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_PATIENCE_SECONDS), "the loopback Hub did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "the loopback Hub did not stop"
        if self._errors:  # a mistake of the server or of a test's callable, not of the client
            raise self._errors[0]

    async def _serve(self) -> None:
        """Serve until `_stop` is set, then drop every connection."""
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        servers = [
            await asyncio.start_server(self._take, sock=listener, backlog=_BACKLOG) for listener in self._sockets
        ]
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        for task in self._lines:
            task.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next turn

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._converse(Line(reader, writer, self.counts)))
        self._lines.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._lines.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._errors.append(error)

    async def _converse(self, line: Line) -> None:
        """Answer the requests of a connection until one side ends it."""
        try:
            while await self._exchange(line):
                pass
            line.writer.close()
            await line.writer.wait_closed()
        except ConnectionError:
            pass  # the client has gone, as clients do that are told nonsense
        finally:
            line.writer.transport.abort()

    async def _exchange(self, line: Line) -> bool:
        """Answer one request; return whether the connection goes on."""
        request = await line.receive()
        if request is None:
            return False
        if request.path == "/__counts":
            await line.answer(as_json(self.counts.as_json()), with_body=True)
            return True
        reply, fault = self._reply(request)
        case = Case(request, reply, self.url, self._retry_after)
        if fault in STREAMED:
            await STREAMED[fault](line, case)
            return False
        await line.answer(REPLACED[fault](case) if fault else reply, with_body=request.method != "HEAD")
        return request.headers.get("connection", "").lower() != "close"

    def _reply(self, request: Request) -> tuple[Reply, Fault | None]:
        """Return the right answer and how it is to be spoiled, and count both."""
        name = class_of(request.path)
        self._record(request, name)
        limits, refused = self._budgets.spend(name)
        if refused:
            self.counts.over_budget += 1
            return refused, None
        answer = self._site.answer(request)
        fault = self._faults.meet(request.target) or answer.fault
        if request.path == "/api/models":
            fault = fault or self.listing_fault
        if fault:
            self.counts.spoiled[fault] += 1
        reply = answer.reply
        return Reply(reply.status, reply.body, {**reply.headers, **limits}, reply.whole) if limits else reply, fault

    def _record(self, request: Request, name: str) -> None:
        on_cdn = name == "cdn"
        self.counts.requests[name] += 1
        (self.cdn_requests if on_cdn else self.requests).append(request.target)
        (self.cdn_headers if on_cdn else self.headers).append(request.headers)
