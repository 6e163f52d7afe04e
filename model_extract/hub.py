"""The Hugging Face Hub: the only place of this project that opens a connection.

huggingface_hub puts no limit on time, waits or size (2.4). Here every request has a total time limit, DNS included; an
answer that says "later" is an outcome and is not waited for; bodies have a size limit; no request leaves the endpoint's
host, so that a token goes nowhere else. `HF_ENDPOINT` names a mirror.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from model_extract.config import CONFIG_BYTES, parse_config
from model_extract.failures import UnreadableError
from model_extract.listing import Config

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi, ModelInfo

Value = TypeVar("Value")

DEFAULT_ENDPOINT = "https://huggingface.co"
REACH_SECONDS = 3.0  # how long `--source auto` waits for the Hub's first word
_MODEL_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{40}")
_FIELDS = (
    "cardData",
    "createdAt",
    "downloads",
    "gated",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "sha",
    "tags",
)


def endpoint() -> str:
    """Return the address of the Hub: `HF_ENDPOINT`, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def why_unreachable(seconds: float = REACH_SECONDS) -> str | None:
    """Ask the Hub for one model and return why there is no answer in `seconds`; None = it answers."""
    try:
        next(list_models(None, 1, seconds), None)
    except UnreadableError as error:
        return error.detail
    return None


def list_models(task: str | None, limit: int, seconds: float) -> Iterator["ModelInfo"]:
    """Yield at most `limit` models of a task, most downloaded first; each answer takes `seconds` at most.

    Raises `UnreadableError` with network, timeout or rate_limited.
    """
    found = within(seconds, partial(_start_listing, task, limit, seconds))
    while True:
        model = within(seconds, partial(next, found, None))
        if model is None:
            return
        yield model


def fetch_config(model_id: str, revision: str, seconds: float) -> Config:
    """Return a model's config.json. Raises `UnreadableError`."""
    if not valid_id(model_id) or not _REVISION.fullmatch(revision):
        raise UnreadableError("not_found", f"not asked for: {model_id!r} at {revision!r} is no model and commit")
    content = within(seconds, partial(_download, model_id, revision, seconds))
    return Config(parse_config(content), bytes_downloaded=len(content), requests=1)


def valid_id(model_id: str) -> bool:
    """Return whether a text can be the id of a model: NAME or OWNER/NAME, no path tricks."""
    return _MODEL_ID.fullmatch(model_id) is not None and ".." not in model_id


def within(seconds: float, call: Callable[[], Value]) -> Value:
    """Return what `call` returns if it does in time.

    The call runs in a thread of its own, which is left behind when the time is over: name resolution and a server that
    sends a byte now and then cannot be interrupted otherwise. Raises `UnreadableError`, with timeout, network or
    whatever the call raises as such.
    """
    future: Future[Value] = Future()
    threading.Thread(target=_settle, args=(future, call), daemon=True).start()
    try:
        return future.result(timeout=seconds)
    except FutureTimeout as error:
        raise UnreadableError("timeout", f"{endpoint()} gave no whole answer in {seconds:g} s") from error


def _settle(future: "Future[Value]", call: Callable[[], Value]) -> None:
    """Run the call and pass its result or its exception to the thread that waits.

    A guarded boundary: an exception must reach the other thread, whatever it is.
    """
    try:
        future.set_result(_translated(call))
    except BaseException as error:  # noqa: BLE001  # see the docstring
        future.set_exception(error)


def _translated(call: Callable[[], Value]) -> Value:
    """Run the call; the errors of huggingface_hub and of an answer that is no listing become `UnreadableError`."""
    from httpx2 import HTTPError, InvalidURL
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return call()
    except (HfHubHTTPError, HTTPError, InvalidURL, OSError) as error:
        raise UnreadableError("network", f"{endpoint()}: {type(error).__name__}: {_first_line(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError("network", f"{endpoint()} answers in no known form: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


def _start_listing(task: str | None, limit: int, seconds: float) -> Iterator["ModelInfo"]:
    api = _api(seconds)
    return iter(api.list_models(pipeline_tag=task, sort="downloads", limit=limit, expand=[*_FIELDS]))


def _download(model_id: str, revision: str, seconds: float) -> bytes:
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    _api(seconds)
    url = hf_hub_url(model_id, "config.json", revision=revision, endpoint=endpoint())
    with get_session().stream("GET", url, headers=build_hf_headers()) as answer:
        if answer.status_code != 200:
            raise _refused(answer)
        content = bytearray()
        for part in answer.iter_bytes():
            content += part
            if len(content) > CONFIG_BYTES:
                break
    return bytes(content)


def _refused(answer: "httpx2.Response") -> UnreadableError:
    """Return the reason behind a status that is not 200; the Hub tells more in X-Error-Code."""
    code = answer.headers.get("X-Error-Code", "")
    said = f"status {answer.status_code} {code} {answer.headers.get('X-Error-Message', '')}".strip()
    if code == "EntryNotFound":
        return UnreadableError("no_config", said)
    if code in ("RepoNotFound", "RevisionNotFound"):
        return UnreadableError("not_found", said)
    if answer.status_code in (401, 403):
        return UnreadableError("gated", said)
    return UnreadableError("not_found" if answer.status_code in (404, 410) else "network", said)


_client_lock = threading.Lock()
_client_settings: list[tuple[str, float]] = []  # those of the client that huggingface_hub holds; at most one entry


def _api(seconds: float) -> "HfApi":
    """Return the library's interface, with our client under it."""
    from huggingface_hub import HfApi, is_offline_mode, set_client_factory

    if is_offline_mode():
        raise UnreadableError("network", "HF_HUB_OFFLINE is set")
    wanted = (endpoint(), seconds)
    with _client_lock:
        if _client_settings != [wanted]:
            set_client_factory(partial(_new_client, urlsplit(wanted[0]).hostname or "", seconds))
            _client_settings[:] = [wanted]
    return HfApi(endpoint=endpoint())


def _new_client(host: str, seconds: float) -> "httpx2.Client":
    from model_extract.hub_client import HubClient

    return HubClient(host, seconds)
