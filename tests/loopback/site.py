"""What the loopback Hub answers when nothing is wrong: one function from a request to an answer, without sockets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode

from tests.loopback.catalog import (
    BadQueryError,
    Catalog,
    described,
    expanded_fields,
    listed_fields,
    parse_query,
)
from tests.loopback.faults import Fault
from tests.loopback.models import HubModel, StoredFile, part_of
from tests.loopback.wire import Reply, Request

# What is wrong with a file of a model and leaves what the API tells about the model right.
_ONLY_OF_FILES: frozenset[Fault] = frozenset(
    {
        "gated",
        "unauthorized",
        "no_config",
        "range_ignored",
        "wrong_content_range",
        "other_range",
        "short_range",
        "long_range",
    }
)
_API = re.compile(r"/api/models/(.+?)(?:/(revision|tree)/([^/]+)(?:/(.*))?)?")
_FILE = re.compile(r"(?:/cdn)?/(.+?)/resolve/([^/]+)/(.+)")
_CACHED_FILE = re.compile(r"/api/resolve-cache/models/(.+?)/([0-9a-f]{40})/(.+)")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_DEFAULT_LIMIT = 1000  # models a page when the query says nothing


@dataclass(frozen=True)
class Wanted:
    """What a path asks for: a file, the tree or the information of a model. `revision` None = the newest."""

    kind: Literal["file", "tree", "info"]
    model_id: str
    revision: str | None
    place: str  # of the file, or the folder of the tree


@dataclass(frozen=True)
class Answer:
    """What the site says, and the fault of the model that was asked about."""

    reply: Reply
    fault: Fault | None = None


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a value as an answer of the API."""
    content = json.dumps(value).encode()
    return Reply(status, content, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def refusal(status: int, code: str | None, message: str) -> Reply:
    """Return an error as the Hub words it: in two headers and in the body."""
    headers = {**({"X-Error-Code": code} if code else {}), "X-Error-Message": message}
    return as_json({"error": message}, status, headers)


def class_of(path: str) -> str:
    """Return the class of requests that a path belongs to: api, resolvers, cdn or pages."""
    if path.startswith("/cdn/"):
        return "cdn"
    if "/resolve/" in path or path.startswith("/api/resolve-cache/"):
        return "resolvers"
    return "api" if path.startswith("/api/") else "pages"


def wanted_by(path: str) -> Wanted | None:
    """Return what a path asks for; None = nothing about a model."""
    if match := _CACHED_FILE.fullmatch(path) or _FILE.fullmatch(path):
        return Wanted("file", unquote(match[1]), unquote(match[2]), unquote(match[3]))
    if match := _API.fullmatch(path):
        revision = None if match[3] is None else unquote(match[3])
        return Wanted("tree" if match[2] == "tree" else "info", unquote(match[1]), revision, unquote(match[4] or ""))
    return None


def ranged(request: Request, stored: StoredFile, headers: Mapping[str, str]) -> Reply:
    """Return a file, or the part of it that the request asks for."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or match[0] == "bytes=-":
        return Reply(200, stored.content, headers, stored.content)
    first, last = match.groups()
    size = stored.size
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        return Reply(416, b"", {"Content-Range": f"bytes */{size}"})
    told = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"}
    return Reply(206, part_of(stored.content, start, end), told, stored.content)


class Site:
    """The Hub behind the sockets. `url` is where it is; `cdn_url` is where large files are, None = here."""

    def __init__(
        self, models: dict[str, HubModel], page_size: int, cache_redirects: bool, granted_token: str | None
    ) -> None:
        self.catalog = Catalog(models)
        self.url = ""
        self.cdn_url: str | None = None
        self._page_size = page_size
        self._cache_redirects = cache_redirects
        self._granted_token = granted_token

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        path = request.path
        if request.method not in ("GET", "HEAD"):
            return Answer(refusal(405, None, "Method Not Allowed"))
        try:
            if path == "/api/models":
                return Answer(self._listing(request))
            if path == "/api/tasks":
                return Answer(self._tasks())
            if path == "/api/whoami-v2":
                return Answer(self._whoami(request))
            return self._about_a_model(request)
        except BadQueryError as error:
            return Answer(refusal(400, None, str(error)))

    def _listing(self, request: Request) -> Reply:
        parameters = request.query
        limit = parameters.get("limit", [str(_DEFAULT_LIMIT)])[0]
        if not re.fullmatch(r"[1-9]\d{0,8}", limit):
            raise BadQueryError(f"limit: expected a positive number, got {limit}")
        cursor = parameters.get("cursor", [None])[0]
        page = self.catalog.page(parse_query(parameters), cursor, min(int(limit), self._page_size))
        fields = listed_fields(parameters)
        link = {"Link": self._next(request, page.cursor)} if page.cursor else {}
        return as_json([described(model, fields) for model in page.models], headers=link)

    def _next(self, request: Request, cursor: str) -> str:
        path, _, query = request.target.partition("?")
        kept = [(name, value) for name, value in parse_qsl(query) if name != "cursor"]
        return f'<{self.url}{path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'

    def _tasks(self) -> Reply:
        tasks = sorted({model.task for model in self.catalog.models.values() if model.task})
        return as_json({task: {"id": task, "label": task.replace("-", " ").title()} for task in tasks})

    def _whoami(self, request: Request) -> Reply:
        if request.token is None:
            return refusal(401, None, "Invalid username or password.")
        return as_json({"type": "user", "id": "0" * 24, "name": "somebody", "auth": {"type": "access_token"}})

    def _about_a_model(self, request: Request) -> Answer:
        wanted = wanted_by(request.path)
        if wanted is None:
            return Answer(refusal(404, None, "Not Found"))
        model = self.catalog.models.get(wanted.model_id)
        if model is None:
            return Answer(self._no_repository(request))
        if model.disabled:
            return Answer(refusal(403, None, "Access to this resource is disabled."))
        if wanted.revision not in (None, "main", model.sha):
            return Answer(refusal(404, "RevisionNotFound", f"Invalid rev id: {quote(wanted.revision or '')}"))
        answers = {"file": self._file, "tree": self._tree, "info": self._info}
        fault = model.fault if wanted.kind == "file" or model.fault not in _ONLY_OF_FILES else None
        return Answer(answers[wanted.kind](request, model, wanted.place), fault)

    def _no_repository(self, request: Request) -> Reply:
        if request.token is None:  # the Hub does not tell strangers which repositories there are
            return refusal(401, "RepoNotFound", "Invalid username or password.")
        return refusal(404, "RepoNotFound", "Repository not found")

    def _info(self, request: Request, model: HubModel, _: str) -> Reply:
        found = described(model, expanded_fields(request.query))
        if request.says("blobs"):
            found["siblings"] = [stored.sibling(with_blobs=True) for stored in model.stored_files()]
        return as_json(found)

    def _tree(self, request: Request, model: HubModel, folder: str) -> Reply:
        """Return the files of a folder, with those below it if that is asked for, else with the folders in it."""
        prefix = f"{folder}/" if folder else ""
        inside = [stored for stored in model.stored_files() if stored.name.startswith(prefix)]
        if request.says("recursive"):
            return as_json([stored.tree_entry() for stored in inside])
        deeper = {stored.name.removeprefix(prefix).partition("/")[::2] for stored in inside}
        folders = [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": prefix + name}
            for name in sorted({first for first, rest in deeper if rest})
        ]
        return as_json([*folders, *(s.tree_entry() for s in inside if "/" not in s.name.removeprefix(prefix))])

    def _file(self, request: Request, model: HubModel, name: str) -> Reply:
        on_cdn = request.path.startswith("/cdn/")
        if model.gated and not on_cdn and (request.token is None or request.token != self._granted_token):
            return self._gated(request, model)
        commit = {"X-Repo-Commit": model.sha}
        stored = model.file(name)
        if stored is None:
            missing = refusal(404, "EntryNotFound", "Entry not found")
            return replace(missing, headers={**missing.headers, **commit})
        if on_cdn:
            return ranged(request, stored, {"ETag": f'"{stored.etag}"', "Accept-Ranges": "bytes"})
        return self._sent_on(request, model, stored, commit) or ranged(
            request, stored, {**commit, **_file_headers(stored)}
        )

    def _sent_on(self, request: Request, model: HubModel, stored: StoredFile, commit: dict[str, str]) -> Reply | None:
        """Return the redirect to where a file really is; None = here."""
        name = quote(stored.name)
        if stored.is_large and self.cdn_url is not None:
            place = f"{self.cdn_url}/cdn/{quote(model.model_id)}/resolve/{model.sha}/{name}?Signature=0123"
            return Reply(302, b"", {**commit, **_file_headers(stored), "Location": place})
        if not stored.is_large and self._cache_redirects and not request.path.startswith("/api/resolve-cache/"):
            place = f"/api/resolve-cache/models/{quote(model.model_id)}/{model.sha}/{name}"
            return Reply(307, b"", {**commit, **_file_headers(stored), "Location": place})
        return None

    def _gated(self, request: Request, model: HubModel) -> Reply:
        restricted = f"Access to model {quote(model.model_id)} is restricted"
        if request.token is None:
            return refusal(401, "GatedRepo", f"{restricted}. You must have access to it and be authenticated.")
        return refusal(403, "GatedRepo", f"{restricted} and you are not in the authorized list.")


def _file_headers(stored: StoredFile) -> dict[str, str]:
    """Return the headers that name a file's content."""
    headers = {"ETag": f'"{stored.etag}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    linked = {"X-Linked-Size": str(stored.size), "X-Linked-ETag": f'"{stored.etag}"'}
    return {**headers, **linked} if stored.is_large else headers
