"""Which addresses may be asked, and which names become part of one."""

import posixpath
from urllib.parse import unquote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.address import (
    DEFAULT_ENDPOINT,
    endpoint,
    file_url,
    is_loopback,
    is_private,
    objection,
    origin,
    valid_file,
    valid_id,
    valid_revision,
)

COMMIT = "0123456789abcdef" * 2 + "01234567"
MIRROR = "http://127.0.0.1:8080"
ANY_TEXT = st.one_of(
    st.text(max_size=40), st.from_regex(r"[\w./%\\@:?#\[\]-]{0,30}"), st.text(alphabet="ab./\\%:@[]1-", max_size=30)
)


@pytest.mark.parametrize("name", ["gpt2", "owner/name", "a.b-c_d/E.0", "0/1"])
def test_ids_of_the_hub_are_valid(name: str) -> None:
    assert valid_id(name)


NO_IDS = ("", "/", "a/", "/a", "a/b/c", "../a", "a/..", "a..b", "a/.b", "-a", "a b", "a\n", "a/b\n", "ä", "a?b", "a#b")


@pytest.mark.parametrize("name", [*NO_IDS, "a%2fb", "a\\b", "a/b\x00", "a" * 97, "http://a"])
def test_tricks_are_no_ids(name: str) -> None:
    assert not valid_id(name)


@pytest.mark.parametrize(
    "name", ["config.json", "unet/config.json", "a/b/c/d.json", "_x", "model-00001-of-00002.safetensors"]
)
def test_plain_names_are_files(name: str) -> None:
    assert valid_file(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/../b", "/a", "a//b", "a/b/c/d/e", ".git/config", "a\\b", "a b", "a\n", "a%2e"]
)
def test_paths_out_of_a_repository_are_no_files(name: str) -> None:
    assert not valid_file(name)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_what_is_valid_stays_inside_its_place(model_id: str, revision: str, name: str) -> None:
    assert valid_revision(revision) in (True, False)
    if valid_id(model_id) and valid_file(name):
        path = httpx2.URL(file_url(DEFAULT_ENDPOINT, model_id, COMMIT, name)).path
        assert unquote(path) == posixpath.normpath(path) == f"/{model_id}/resolve/{COMMIT}/{name}"


def test_a_revision_is_a_commit() -> None:
    assert valid_revision(COMMIT)
    assert not any(map(valid_revision, ("main", COMMIT[:-1], COMMIT + "0", COMMIT.upper(), COMMIT + "\n", "")))


def test_the_endpoint_is_the_users_or_the_public_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/hub/")
    assert endpoint() == "https://mirror.example/hub"
    monkeypatch.setenv("HF_ENDPOINT", "")
    assert endpoint() == DEFAULT_ENDPOINT


@pytest.mark.parametrize(
    ("url", "base", "asked"),
    [
        ("https://huggingface.co/api/models", DEFAULT_ENDPOINT, True),
        ("https://HuggingFace.co:443/x", DEFAULT_ENDPOINT, True),
        ("https://cdn.example/x", DEFAULT_ENDPOINT, True),
        ("http://huggingface.co/x", DEFAULT_ENDPOINT, False),
        ("http://cdn.example/x", DEFAULT_ENDPOINT, False),
        ("http://127.0.0.1/x", DEFAULT_ENDPOINT, False),
        ("https://127.0.0.1/x", DEFAULT_ENDPOINT, False),
        ("https://localhost/x", DEFAULT_ENDPOINT, False),
        ("https://10.1.2.3/x", DEFAULT_ENDPOINT, False),
        ("https://169.254.169.254/latest", DEFAULT_ENDPOINT, False),
        ("https://[::1]/x", DEFAULT_ENDPOINT, False),
        ("https://[::ffff:10.0.0.1]/x", DEFAULT_ENDPOINT, False),
        ("https://[fe80::1]/x", DEFAULT_ENDPOINT, False),
        ("https://9.9.9.9/x", DEFAULT_ENDPOINT, True),
        ("file:///etc/passwd", DEFAULT_ENDPOINT, False),
        ("ftp://huggingface.co/x", DEFAULT_ENDPOINT, False),
        ("", DEFAULT_ENDPOINT, False),
        ("https://[/", DEFAULT_ENDPOINT, False),
        ("https://a:99999999/", DEFAULT_ENDPOINT, False),
        (f"{MIRROR}/x", MIRROR, True),
        ("http://localhost:9999/cdn", MIRROR, True),
        ("https://localhost:9999/cdn", MIRROR, True),
        ("http://10.0.0.1/x", MIRROR, False),
        ("http://cdn.example/x", MIRROR, False),
        ("http://hub.company:8000/x", "http://hub.company:8000", True),
        ("http://hub.company:8001/x", "http://hub.company:8000", False),
        ("https://10.0.0.2/x", "http://10.0.0.1", False),
        ("hub.local/x", "hub.local", False),
        ("ftp://hub.local/x", "ftp://hub.local", False),
        ("http://a:99999999/x", "http://a:99999999", False),
    ],
)  # fmt: skip
def test_only_the_endpoint_and_https_in_public_are_asked(url: str, base: str, asked: bool) -> None:
    assert (objection(url, base) is None) == asked


@given(ANY_TEXT, st.sampled_from(("https://", "http://", "https://huggingface.co", "")))
def test_an_address_is_judged_by_the_host_that_will_be_asked(rest: str, start: str) -> None:
    try:
        url = httpx2.URL(start + rest)
    except (httpx2.InvalidURL, ValueError):
        return
    scheme, host, port = origin(str(url))
    if objection(str(url), DEFAULT_ENDPOINT) is None:
        default = {"https": 443, "http": 80}[url.scheme]
        asked_host = url.raw_host.decode("ascii").lower()
        assert (scheme, port) == (url.scheme, url.port or default)
        assert host == asked_host or not host.isascii(), "the host judged is the host asked"
        assert (host == "huggingface.co") == (asked_host == "huggingface.co")


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_is_judged(url: str, base: str) -> None:
    assert objection(url, base) is None or objection(url, base)
    assert is_loopback(url) in (True, False)


PRIVATE = ("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.0.1", "100.64.0.1", "0.0.0.0", "::1", "::", "fd00::1")


@pytest.mark.parametrize("ip", [*PRIVATE, "fe80::1%eth0", "::ffff:127.0.0.1", "no address"])
def test_private_networks(ip: str) -> None:
    assert is_private(ip)


@pytest.mark.parametrize("ip", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9"])
def test_public_addresses(ip: str) -> None:
    assert not is_private(ip)
