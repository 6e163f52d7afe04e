"""Questions to the Hub: a page of a listing, a file or a range of one at a commit, a snapshot of a repository."""

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from hub.address import DEFAULT_ENDPOINT, endpoint, file_url, origin, valid_file, valid_id, valid_revision
from hub.errors import HubError, HubErrorKind
from hub.limits import PUBLIC_BUDGETS, RateLimits
from hub.policy import Policy, Traffic

if TYPE_CHECKING:
    import httpx2

    from hub.client import HubClient

_BLOB_HASH = re.compile(r'(?:W/)?"([0-9a-f]{40})"')
_TASK = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_NEXT = re.compile(r'<([^<>]{1,4000})>\s*;\s*rel="next"')


@dataclass(frozen=True)
class Answer:
    """Bytes of a file; `file_size` where the Hub told it; `requests` with retries and redirects."""

    content: bytes
    requests: int
    file_size: int | None = None


@dataclass(frozen=True)
class Page:
    """Models of a listing as the Hub gave them; `cursor` asks for the next page, None = this was the last."""

    models: tuple[dict[str, Any], ...]
    cursor: str | None
    n_bytes: int
    requests: int


class Hub:
    """The Hub at `HF_ENDPOINT`. Threads may share it. Nothing is sent before the first question; a with block
    closes the connections."""

    def __init__(self, policy: Policy, *, threads: int = 16) -> None:
        self._policy, self._threads = policy, threads
        self.base = endpoint()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def limits(self) -> RateLimits:
        """What is known of the Hub's rate limits: at the start those of the public Hub; a mirror tells its own."""
        public = origin(self.base) == origin(DEFAULT_ENDPOINT)
        budgets = PUBLIC_BUDGETS[self.has_token] if public else {}
        return RateLimits(budgets, self._policy.pause_seconds)

    @cached_property
    def has_token(self) -> bool:
        """Whether requests carry a token."""
        from huggingface_hub import get_token

        return get_token() is not None

    @property
    def traffic(self) -> Traffic:
        """What was sent and received so far."""
        return self._client.traffic

    def page(self, query: str, cursor: str | None = None) -> Page:
        """Return the models that answer a query string, or the next ones when `cursor` is given. Raises `HubError`."""
        asked = cursor or query
        answer = self._ask(f"{self.base}/api/models?{asked}", accept=_no_list_of_objects)
        if answer.status_code != 200:
            raise _refusal(answer)
        return Page(
            models=tuple(json.loads(answer.content)),
            cursor=self._next(answer, asked),
            n_bytes=len(answer.content),
            requests=_requests(answer),
        )

    def file(self, model_id: str, revision: str, name: str, limit_bytes: int) -> Answer:
        """Return a whole file of at most `limit_bytes`. Raises `HubError`."""
        url = self._file_url(model_id, revision, name)
        answer = self._ask(url, {"accept-encoding": "identity"}, limit_bytes, _damaged)
        if answer.status_code != 200:
            raise _refusal(answer)
        return Answer(answer.content, _requests(answer), len(answer.content))

    def file_range(self, model_id: str, revision: str, name: str, start: int, stop: int) -> Answer:
        """Return the bytes start <= i < stop of a file, fewer where it ends before. Raises `HubError`."""
        url = self._file_url(model_id, revision, name)
        headers = {"accept-encoding": "identity", "range": f"bytes={start}-{stop - 1}"}
        answer = self._ask(url, headers, stop - start, _no_such_range)
        if answer.status_code == 416:
            return Answer(b"", _requests(answer))
        if answer.status_code != 206:
            raise _refusal(answer)
        match = _CONTENT_RANGE.fullmatch(answer.headers["content-range"])
        assert match is not None
        return Answer(answer.content, _requests(answer), int(match[3]))

    def tasks(self) -> tuple[str, ...]:
        """Return the names of all tasks, in alphabetical order. Raises `HubError`."""
        answer = self._ask(f"{self.base}/api/tasks", accept=None)
        if answer.status_code != 200:
            raise _refusal(answer)
        try:
            value = json.loads(answer.content)
        except (ValueError, RecursionError) as error:
            raise HubError("network", "the list of tasks is no JSON") from error
        if not isinstance(value, dict):
            raise HubError("network", "the list of tasks is no object")
        return tuple(sorted(name for name in value if _TASK.fullmatch(name)))

    def who(self) -> str | None:
        """Return the name that the token belongs to; None = the Hub does not accept it, or there is none."""
        answer = self._ask(f"{self.base}/api/whoami-v2", accept=None)
        try:
            name = json.loads(answer.content).get("name") if answer.status_code == 200 else None
        except (ValueError, AttributeError, RecursionError):
            return None
        return name if isinstance(name, str) else None

    def snapshot(self, model_id: str, patterns: Sequence[str], *, offline: bool = False) -> Path:
        """Download the files of a model's newest commit into the library's cache, through this project's client.

        Raises `HubError`; `offline` takes only what the cache holds.
        """
        from huggingface_hub import set_client_factory, snapshot_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

        set_client_factory(self._new_client)
        try:
            return Path(snapshot_download(model_id, allow_patterns=[*patterns], local_files_only=offline))
        except LocalEntryNotFoundError as error:
            raise HubError("network", _first_line(error)) from error
        except (EntryNotFoundError, HfHubHTTPError) as error:
            raise HubError("not_found", _first_line(error)) from error
        except OSError as error:
            raise HubError("network", _first_line(error)) from error

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> "HubClient":
        return self._new_client()

    @cached_property
    def _headers(self) -> dict[str, str]:
        from huggingface_hub.utils import build_hf_headers

        return build_hf_headers(library_name="arborist")

    def _new_client(self) -> "HubClient":
        from hub.client import HubClient

        return HubClient(self._policy, self.limits, Traffic(), threads=self._threads)

    def _ask(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        limit_bytes: int | None = None,
        accept: Any = None,
    ) -> "httpx2.Response":
        from huggingface_hub import is_offline_mode

        from hub.client import ACCEPT_KEY, ANSWER_BYTES, COUNT_KEY, LIMIT_KEY

        if is_offline_mode():
            raise HubError("network", "HF_HUB_OFFLINE is set")
        with self._lock:  # the first question of several threads at once makes one client
            client = self._client
        extensions = {ACCEPT_KEY: accept, LIMIT_KEY: limit_bytes or ANSWER_BYTES}
        request = client.build_request("GET", url, headers={**self._headers, **(headers or {})}, extensions=extensions)
        try:
            return client.send(request)
        except HubError as error:
            error.requests = request.extensions.get(COUNT_KEY, [0])[0]
            raise

    def _file_url(self, model_id: str, revision: str, name: str) -> str:
        if not (valid_id(model_id) and valid_revision(revision) and valid_file(name)):
            raise HubError(
                "not_found", f"not asked for: {name!r} of {model_id!r} at {revision!r} names no file at a commit"
            )
        return file_url(self.base, model_id, revision, name)

    def _next(self, answer: "httpx2.Response", query: str) -> str | None:
        """Return the query of the next page. Raises `HubError` for one that leads elsewhere or back."""
        match = _NEXT.search(answer.headers.get("link", "")[:20_000])
        if match is None:
            return None
        parts = urlsplit(match[1])
        if origin(match[1]) != origin(self.base) or parts.path != "/api/models":
            raise HubError("network", f"{origin(self.base)[1]} continues its listing at another address")
        if parse_qsl(parts.query) == parse_qsl(query):
            raise HubError("network", f"{origin(self.base)[1]} continues its listing with the same page")
        return parts.query


def _refusal(answer: "httpx2.Response") -> HubError:
    """Return the meaning of a status that is no success."""
    error = HubError(*_meaning(answer))
    error.requests = _requests(answer)
    return error


def _meaning(answer: "httpx2.Response") -> tuple[HubErrorKind, str]:
    """Return the kind and the words of a refusal; the Hub tells more in X-Error-Code."""
    status, code = answer.status_code, answer.headers.get("x-error-code", "")
    message = answer.headers.get("x-error-message", "")
    said = f"status {status} {code[:80]} {message[:300]}".strip()
    if code == "EntryNotFound":
        return "no_file", said
    if code in ("RepoNotFound", "RevisionNotFound") or "disabled" in message or status in (404, 410):
        return "not_found", said
    return "gated" if status in (401, 403) else "network", said


def _damaged(answer: "httpx2.Response") -> str | None:
    """Return why a whole file cannot be what the repository holds: its hash is the ETag of files kept in git."""
    match = _BLOB_HASH.fullmatch(answer.headers.get("etag", "")) if answer.status_code == 200 else None
    if match is None:
        return None
    blob = b"blob %d\0" % len(answer.content) + answer.content
    if sha1(blob, usedforsecurity=False).hexdigest() == match[1]:
        return None
    return "the file that came is not the one that its ETag names"


def _no_such_range(answer: "httpx2.Response") -> str | None:
    if answer.status_code != 206:
        return None
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", answer.request.headers["range"])
    given = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    assert asked is not None
    if given is None:
        return "a range without a Content-Range that says which"
    start, end, size = int(given[1]), int(given[2]), int(given[3])
    wanted_end = min(int(asked[2]), size - 1)
    if (start, end) != (int(asked[1]), wanted_end) or len(answer.content) != end - start + 1:
        return "another range than the one that was asked for"
    return None


def _no_list_of_objects(answer: "httpx2.Response") -> str | None:
    if answer.status_code != 200:
        return None
    try:
        value = json.loads(answer.content)
    except (ValueError, RecursionError):
        return "a listing that is no JSON"
    is_listing = isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
    return None if is_listing else "a listing that is no list of models"


def _requests(answer: "httpx2.Response") -> int:
    from hub.client import COUNT_KEY

    return answer.request.extensions[COUNT_KEY][0]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "").partition("?")[0][:300]
