"""Which addresses may be asked, and which names from outside may become part of one."""

import ipaddress
import os
import re
from urllib.parse import quote, urlsplit

DEFAULT_ENDPOINT = "https://huggingface.co"
_MODEL_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{40}")
_FILE = re.compile(r"(?:[A-Za-z0-9_][\w.@+-]{0,127}/){0,3}[A-Za-z0-9_][\w.@+-]{0,127}", re.ASCII)


def endpoint() -> str:
    """Return the address of the Hub: `HF_ENDPOINT`, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def valid_id(model_id: str) -> bool:
    """Return whether a text can be the id of a model: NAME or OWNER/NAME, no path tricks."""
    return _MODEL_ID.fullmatch(model_id) is not None and ".." not in model_id


def valid_revision(revision: str) -> bool:
    """Return whether a text is a commit: 40 hexadecimal digits."""
    return _REVISION.fullmatch(revision) is not None


def valid_file(name: str) -> bool:
    """Return whether a text can name a file of a repository: plain names, at most three folders deep."""
    return _FILE.fullmatch(name) is not None and ".." not in name


def file_url(base: str, model_id: str, revision: str, name: str) -> str:
    """Return the address of a file at a commit; the three names must be valid."""
    return f"{base}/{quote(model_id)}/resolve/{revision}/{quote(name)}"


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address, the default port written out; no host for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, (parts.hostname or "").lower(), port


def is_loopback(url: str) -> bool:
    """Return whether an address names this machine."""
    host = origin(url)[1]
    return host == "localhost" or _ip(host, "is_loopback")


def is_private(ip: str) -> bool:
    """Return whether an IP address belongs to this machine or to a network that is not public."""
    return not _ip(ip, "is_global")


def objection(url: str, base: str) -> str | None:
    """Return why `url` must not be asked when the endpoint is `base`; None = it may be.

    The endpoint itself may be anything on http or https that its user set. Elsewhere only https, or http on loopback
    when the endpoint is on loopback too, as a mirror on this machine is. A literal address of a private network is
    refused here already: behind a proxy nobody else looks at it.
    """
    if origin(base)[0] not in ("http", "https") or not origin(base)[1]:
        return "HF_ENDPOINT is no address of http or https"
    if origin(url) == origin(base):
        return None
    scheme, host, _ = origin(url)
    if scheme != "https" and not (scheme == "http" and is_loopback(url) and is_loopback(base)):
        return f"expected https, got an address of {scheme or 'no scheme'}"
    if not is_loopback(base) and (is_loopback(url) or (_is_ip(host) and is_private(host))):
        return "it lies in a private network"
    return None


def _is_ip(host: str) -> bool:
    return _ip(host, "version")


def _ip(host: str, property_name: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host.strip("[]").partition("%")[0]), property_name))
    except ValueError:
        return False
