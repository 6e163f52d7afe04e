"""Questions to the Hub: a page of a listing, a file or a range of one at a commit, a snapshot of a repository."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha1
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from hub.address import DEFAULT_ENDPOINT, endpoint, file_url, origin, valid_file, valid_id, valid_revision
from hub.errors import PASSING, HubError, HubErrorKind, hidden
from hub.limits import PUBLIC_BUDGETS, RateLimits
from hub.policy import Allowance, Policy, Traffic

if TYPE_CHECKING:
    import httpx2

    from hub.client import HubClient

_BLOB_HASH = re.compile(r'(?:W/)?"([0-9a-f]{40})"')
_TASK = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
SNAPSHOT_BYTES = 100_000_000_000  # limit of a download where its caller sets none
_library = threading.Lock()  # huggingface_hub's client is the process's
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
    closes the connections, and ends the waits of questions that are still under way.

    `traffic` counts what was sent and received; of a snapshot's files the requests alone.
    """

    def __init__(self, policy: Policy, *, threads: int = 16) -> None:
        self._policy, self._threads = policy, threads
        self.base = endpoint()
        self.traffic = Traffic()
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

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token. Raises `HubError` as a question does."""
        return self._token is not None

    def page(self, query: str, cursor: str | None = None) -> Page:
        """Return the models that answer a query string, or the next ones when `cursor` is given. Raises `HubError`."""
        asked = cursor or query
        answer = self._ask(
            f"{self.base}/api/models?{asked}",
            accept=partial(_no_json_of, is_right=_is_list_of_objects, what="a list of models"),
        )
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
        answer = self._ask(f"{self.base}/api/tasks", accept=partial(_no_json_of, is_right=_is_object, what="an object"))
        if answer.status_code != 200:
            raise _refusal(answer)
        return tuple(sorted(name for name in json.loads(answer.content) if _TASK.fullmatch(name)))

    def who(self) -> str | None:
        """Return the name that the token belongs to; None = the Hub does not accept it, or there is none."""
        answer = self._ask(f"{self.base}/api/whoami-v2", accept=None)
        try:
            name = json.loads(answer.content).get("name") if answer.status_code == 200 else None
        except (ValueError, AttributeError, RecursionError):
            return None
        return name if isinstance(name, str) else None

    def snapshot(
        self,
        model_id: str,
        patterns: Sequence[str],
        *,
        revision: str | None = None,
        limit_bytes: int = SNAPSHOT_BYTES,
        offline: bool = False,
    ) -> Path:
        """Return the folder with the files of a model's commit, downloaded into huggingface_hub's cache.

        `revision` is a commit; None = the newest. At most `limit_bytes` come in. What the cache holds is taken when
        `offline`, and when the Hub gives no answer. The library has one client a process: one snapshot at a time, and
        from then on its own questions go through this project's client too. Raises `HubError`.
        """
        if not valid_id(model_id):
            raise HubError("not_found", f"not asked for: {model_id!r} is no id of a model")
        if revision is not None and not valid_revision(revision):
            raise HubError("not_found", f"not asked for: {revision!r} is no revision")
        with _library:
            try:
                return self._snapshot(model_id, patterns, revision, limit_bytes, offline=offline)
            except HubError as error:
                if offline or error.kind not in PASSING:
                    raise
                try:
                    return self._snapshot(model_id, patterns, revision, limit_bytes, offline=True)
                except HubError:
                    raise error from None

    def _snapshot(
        self, model_id: str, patterns: Sequence[str], revision: str | None, limit_bytes: int, *, offline: bool
    ) -> Path:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError

        try:
            with self._lent(limit_bytes):
                folder = snapshot_download(
                    model_id,
                    revision=revision,
                    allow_patterns=[*patterns],
                    endpoint=self.base,
                    token=self._token or False,
                    local_files_only=offline,
                )
            return Path(folder)
        except (HubError, MemoryError):
            raise
        except Exception as error:  # the boundary: hostile answers make the library raise anything
            said = error if isinstance(error, HfHubHTTPError) else error.__cause__
            if isinstance(said, HfHubHTTPError):
                raise _refusal(said.response) from error
            why = _first_line(error, self._headers.get("authorization"))
            raise HubError("network", f"{type(error).__name__}: {why}") from error

    @contextmanager
    def lent(self, limit_bytes: int = SNAPSHOT_BYTES) -> Iterator[None]:
        """Let what stands on huggingface_hub, such as `datasets`, ask through this client; one block at a time.

        At most `limit_bytes` come in. A question raises `HubError`, or what the library makes of it.
        """
        with _library, self._lent(limit_bytes):
            yield

    @contextmanager
    def _lent(self, limit_bytes: int) -> Iterator[None]:
        from huggingface_hub import close_session, constants, set_client_factory

        constants.HF_HUB_DISABLE_XET = True  # its downloads go through a client of its own, without these limits
        constants.HF_HUB_DISABLE_TELEMETRY = True  # asks the Hub for a list, and keeps it for other processes
        set_client_factory(partial(self._new_client, Allowance(limit_bytes)))
        try:
            yield
        finally:
            close_session()

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> "HubClient":
        return self._new_client()

    def _new_client(self, allowance: Allowance | None = None) -> "HubClient":
        from hub.client import HubClient

        given = (self.base, self._policy, self.limits, self.traffic)
        return HubClient(*given, threads=self._threads, allowance=allowance)

    @cached_property
    def _token(self) -> str | None:
        """The token of the user's environment or login. Raises `HubError` for one that cannot be had or sent."""
        from huggingface_hub import constants, get_token
        from huggingface_hub.errors import OIDCError

        try:
            token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
        except (OIDCError, OSError) as error:
            raise HubError("network", f"no token can be had: {type(error).__name__}") from error
        if token is not None and not (token.isascii() and token.isprintable()):
            raise HubError("network", "the token holds characters that cannot be sent; set HF_TOKEN anew")
        return token

    @cached_property
    def _headers(self) -> dict[str, str]:
        """Headers of every question. huggingface_hub's own builder would ask the Hub, without limits, who we are."""
        named = {"user-agent": f"arborist; hf_hub/{version('huggingface_hub')}; python/{python_version()}"}
        return named if self._token is None else {**named, "authorization": f"Bearer {self._token}"}

    def _ask(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        limit_bytes: int | None = None,
        accept: Any = None,
    ) -> "httpx2.Response":
        import httpx2

        from hub.client import ACCEPT_KEY, ANSWER_BYTES, COUNT_KEY, LIMIT_KEY

        with self._lock:  # the first question of several threads at once makes one client
            client = self._client
        extensions = {ACCEPT_KEY: accept, LIMIT_KEY: limit_bytes or ANSWER_BYTES}
        asked = {**self._headers, **(headers or {})}
        try:
            request = client.build_request("GET", url, headers=asked, extensions=extensions)
        except (httpx2.InvalidURL, ValueError) as error:
            raise HubError("network", f"not asked: no address can be made of {url[:200]!r}") from error
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
        here = origin(self.base)
        if origin(match[1]) != here or urlsplit(match[1]).path != f"{urlsplit(self.base).path}/api/models":
            raise HubError("network", f"{here[1]} continues its listing at another address")
        following = urlsplit(match[1]).query
        if parse_qsl(following) == parse_qsl(query):
            raise HubError("network", f"{here[1]} continues its listing with the same page")
        return following


def _refusal(answer: "httpx2.Response") -> HubError:
    """Return the meaning of a status that is no success."""
    kind, said = _meaning(answer)
    error = HubError(kind, said)
    error.requests = _requests(answer)
    return error


def _meaning(answer: "httpx2.Response") -> tuple[HubErrorKind, str]:
    """Return the kind and the words of a refusal; the Hub tells more in X-Error-Code."""
    sent = answer.request.headers.get("authorization")
    status, code = answer.status_code, hidden(answer.headers.get("x-error-code", ""), sent)
    message = hidden(answer.headers.get("x-error-message", ""), sent)
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


def _no_json_of(answer: "httpx2.Response", is_right: Callable[[Any], bool], what: str) -> str | None:
    """Return why an answer is no JSON of the kind that its question expects."""
    if answer.status_code != 200:
        return None
    try:
        value = json.loads(answer.content)
    except (ValueError, RecursionError):
        return "an answer that is no JSON"
    return None if is_right(value) else f"an answer that is not {what}"


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _requests(answer: "httpx2.Response") -> int:
    from hub.client import COUNT_KEY

    return answer.request.extensions[COUNT_KEY][0]


def _first_line(error: Exception, sent: str | None) -> str:
    return hidden(next(iter(str(error).splitlines()), ""), sent).partition("?")[0][:300]
