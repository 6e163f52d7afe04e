"""A small Hugging Face Hub on loopback: listings with paging, config.json at a commit, and every way to answer badly.

with HubServer([HubModel("owner/name", config={...})]) as server:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
"""

import json
import threading
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

PAGE_SIZE = 20  # models a page, so that a listing of 50 has three

Fault = Literal[
    "gated",  # 403 with the Hub's code
    "unauthorized",  # 401 with the Hub's code
    "no_repository",  # 404, the repository is gone
    "no_config",  # 404, the repository has no such file
    "broken_json",  # 200, half a document
    "silent",  # accepts and says nothing
    "dripping",  # 200, one byte now and then, for ever
    "server_error",  # 500
    "too_many",  # 429, asks to wait for an hour
    "endless",  # 200, more bytes than any config has
    "elsewhere",  # 302 to another host
]


@dataclass(frozen=True)
class HubModel:
    """One model of the server."""

    model_id: str
    config: dict[str, Any] = field(default_factory=dict)
    task: str = "text-generation"
    tags: tuple[str, ...] = ("transformers", "safetensors")
    downloads: int = 0
    gated: bool = False
    fault: Fault | None = None

    @property
    def sha(self) -> str:
        return sha1(self.model_id.encode(), usedforsecurity=False).hexdigest()

    def listing(self) -> dict[str, Any]:
        """Return the model as `GET /api/models` gives it."""
        return {
            "id": self.model_id,
            "modelId": self.model_id,
            "sha": self.sha,
            "pipeline_tag": self.task,
            "library_name": "transformers",
            "tags": [*self.tags],
            "downloads": self.downloads,
            "likes": 7,
            "gated": "manual" if self.gated else False,
            "private": False,
            "createdAt": "2026-01-02T03:04:05.000Z",
            "lastModified": "2026-02-03T04:05:06.000Z",
        }


class HubServer:
    """The server; `requests` counts what it was asked for, by path. `listing_fault` spoils every listing."""

    def __init__(self, models: list[HubModel], listing_fault: Fault | None = None) -> None:
        self.models = {model.model_id: model for model in models}
        self.listing_fault: Fault | None = listing_fault
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def page(self, query: dict[str, list[str]]) -> tuple[list[dict[str, Any]], str | None]:
        """Return one page of a listing, most downloaded first, and the address of the next one."""
        task, start = query.get("pipeline_tag", [None])[0], int(query.get("start", ["0"])[0])
        limit = int(query.get("limit", ["1000"])[0])
        found = sorted(
            (model for model in self.models.values() if task in (None, model.task)),
            key=lambda model: (-model.downloads, model.model_id),
        )
        end = min(start + PAGE_SIZE, limit)
        following = f"{self.url}/api/models?pipeline_tag={task}&limit={limit}&start={end}"
        return [model.listing() for model in found[start:end]], following if end < min(limit, len(found)) else None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """A server that does not wait for the answers it still owes."""

    daemon_threads = True
    block_on_close = False
    hub: HubServer


class _Handler(BaseHTTPRequestHandler):
    """Answers GET; each fault is an answer of its own."""

    protocol_version = "HTTP/1.1"

    @property
    def _hub(self) -> HubServer:
        assert isinstance(self.server, _Server)
        return self.server.hub

    def do_GET(self) -> None:  # the name that http.server calls
        self._hub.requests.append(self.path)
        self._hub.headers.append(dict(self.headers))
        parts = urlsplit(self.path)
        if parts.path == "/api/models":
            self._list(parse_qs(parts.query))
        else:
            self._file(parts.path)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""

    def _list(self, query: dict[str, list[str]]) -> None:
        if self._hub.listing_fault:
            self._spoil(self._hub.listing_fault)
            return
        models, following = self._hub.page(query)
        link = {"Link": f'<{following}>; rel="next"'} if following else {}
        self._answer(200, json.dumps(models).encode(), link)

    def _file(self, path: str) -> None:
        model_id, separator, rest = path.strip("/").partition("/resolve/")
        model = self._hub.models.get(model_id)
        if not separator or model is None or rest != f"{model.sha}/config.json":
            self._spoil("no_repository")
        elif model.fault:
            self._spoil(model.fault)
        else:
            self._answer(200, json.dumps(model.config).encode())

    def _spoil(self, fault: Fault) -> None:
        refusals: dict[Fault, tuple[int, dict[str, str]]] = {
            "gated": (403, {"X-Error-Code": "GatedRepo"}),
            "unauthorized": (401, {"X-Error-Code": "GatedRepo"}),
            "no_repository": (404, {"X-Error-Code": "RepoNotFound"}),
            "no_config": (404, {"X-Error-Code": "EntryNotFound"}),
            "server_error": (500, {}),
            "too_many": (429, {"Retry-After": "3600"}),
            "elsewhere": (302, {"Location": "http://localhost:1/stolen"}),
        }
        if fault in refusals:
            status, headers = refusals[fault]
            self._answer(status, b"", headers)
        elif fault == "broken_json":
            self._answer(200, b'{"model_type": "lla')
        elif fault == "silent":
            self._hub.closing.wait()
        else:
            self._stream(fault)

    def _stream(self, fault: Fault) -> None:
        """Send a body without end: by bytes when dripping, by megabytes otherwise."""
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()
        try:
            while not self._hub.closing.wait(0.05 if fault == "dripping" else 0):
                self.wfile.write(b" " if fault == "dripping" else b" " * 1_000_000)
        except OSError:  # the client has gone, as it should
            self.close_connection = True

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
