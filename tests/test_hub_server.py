"""The loopback Hub, driven by the real huggingface_hub and by bare sockets."""

import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    BadRequestError,
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from tests.hub_server import Fault, FaultPlan, HubModel, HubServer, SparseFile
from tests.loopback.budget import Budgets
from tests.loopback.catalog import BadQueryError, Query, read_cursor, write_cursor
from tests.loopback.process import serve_in_process
from tests.loopback.spoiling import NESTING, REPLACED, STREAMED
from tests.loopback.wire import parse_head

HOSTILE = ["../../etc/passwd", "a/<script>|*x*", "a/\x1b[31mred", "a/b/c/d", "-flag", "a/\ud800", "::error::x", ""]
CONTENT = bytes(range(256)) * 4
NAMES = ("config.json", "x.safetensors")


@pytest.fixture(autouse=True)
def real_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from huggingface_hub import close_session, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    monkeypatch.delenv("HF_TOKEN", raising=False)
    set_client_factory(default_client_factory)  # another test may have put ours under the library
    yield
    close_session()


def api(server: HubServer, token: str | bool = False) -> HfApi:
    return HfApi(endpoint=server.url, token=token)


@dataclass(frozen=True)
class Heard:
    """What a bare socket heard, and how it ended: closed, reset, or open when the patience was over."""

    data: bytes
    ending: str

    @property
    def status(self) -> str:
        return self.data.split(b"\r\n")[0].decode("latin-1")

    @property
    def headers(self) -> dict[str, str]:
        lines = self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]


def hear(
    server: HubServer, path: str, lines: str = "", method: str = "GET", most: int = 10**7, patience: float = 60.0
) -> Heard:
    """Ask once, ending the connection, and listen for `patience` seconds or `most` bytes."""
    port = int(server.url.rpartition(":")[2])
    data, end = bytearray(), time.monotonic() + patience
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as line:
        line.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n".encode())
        try:
            while len(data) < most and time.monotonic() < end and (part := line.recv(2**20)):
                data += part
        except TimeoutError:
            return Heard(bytes(data), "open")
        except ConnectionResetError:
            return Heard(bytes(data), "reset")
    return Heard(bytes(data), "closed" if time.monotonic() < end else "open")


def varied_models() -> list[HubModel]:
    """Return models that differ in everything that a listing can ask about, with ties in every order."""
    return [
        HubModel(
            f"owner-{index % 3}/{'Bert' if index % 2 else 'gpt'}-{index:02}",
            task="fill-mask" if index % 2 else "text-generation",
            tags=("safetensors", "fr") if index % 4 == 0 else ("safetensors",),
            library="timm" if index % 7 == 0 else "transformers",
            license="mit" if index % 2 else "apache-2.0",
            downloads=index % 6,
            likes=index % 4,
            trending=index % 5,
            created_at=f"2026-01-{1 + index % 9:02}T00:00:00.000Z",
            last_modified=f"2026-02-{1 + index % 8:02}T00:00:00.000Z",
            gated="auto" if index % 5 == 0 else False,
            parameters=None if index % 3 == 0 else index * 10**9,
        )
        for index in range(47)
    ]


FILTERS: list[tuple[dict[str, Any], Callable[[HubModel], bool]]] = [
    ({}, lambda model: True),
    ({"pipeline_tag": "fill-mask"}, lambda model: model.task == "fill-mask"),
    ({"filter": ["fr", "license:apache-2.0"]}, lambda model: "fr" in model.tags and model.license == "apache-2.0"),
    ({"filter": "timm"}, lambda model: model.library == "timm"),
    ({"author": "owner-1"}, lambda model: model.model_id.startswith("owner-1/")),
    ({"search": "bERT"}, lambda model: "Bert" in model.model_id),
    ({"gated": True}, lambda model: model.gated == "auto"),
    ({"gated": False}, lambda model: model.gated is False),
    ({"num_parameters": "min:6B,max:0.02T"}, lambda model: 6e9 <= (model.parameters or 0) <= 2e10),
    ({"num_parameters": "max:5000M"}, lambda model: model.parameters is not None and model.parameters <= 5e9),
    (
        {"search": "gpt", "author": "owner-2", "gated": False},
        lambda model: model.model_id.startswith("owner-2/gpt") and model.gated is False,
    ),
]


@pytest.mark.parametrize(("wanted", "passes"), FILTERS)
def test_listings_find_what_passes_the_filters_page_by_page(
    wanted: dict[str, Any], passes: Callable[[HubModel], bool]
) -> None:
    models = varied_models()
    expected = sorted((m for m in models if passes(m)), key=lambda m: (-m.downloads, m.model_id))
    with HubServer(models, page_size=4) as server:
        found = [model.id for model in api(server).list_models(**wanted, sort="downloads")]
    assert found == [model.model_id for model in expected]
    assert len(server.requests) == max(1, -(-len(expected) // 4))


@pytest.mark.parametrize(
    ("sort", "field"),
    [
        ("downloads", "downloads"),
        ("likes", "likes"),
        ("created_at", "created_at"),
        ("last_modified", "last_modified"),
        ("trending_score", "trending"),
    ],
)
def test_orders(sort: Any, field: str) -> None:
    models = varied_models()
    with HubServer(reversed(models), page_size=5) as server:
        found = [model.id for model in api(server).list_models(sort=sort)]
        name = server.requests[0].rpartition("=")[2]
        ascending = json.loads(hear(server, f"/api/models?sort={name}&direction=1&limit=5").body)
    by_id = sorted(models, key=lambda model: model.model_id)
    assert found == [m.model_id for m in sorted(by_id, key=lambda m: getattr(m, field), reverse=True)]
    assert [m["id"] for m in ascending] == [m.model_id for m in sorted(by_id, key=lambda m: getattr(m, field))][:5]


def test_a_limit_is_the_length_of_a_page_and_the_client_stops_there() -> None:
    with HubServer(varied_models(), page_size=20) as server:
        assert len(list(api(server).list_models(limit=7))) == 7
        assert len(list(api(server).list_models(limit=30))) == 30
        heard = hear(server, "/api/models?limit=7")
    assert len(json.loads(heard.body)) == 7
    assert 'rel="next"' in heard.headers["link"]
    assert len(server.requests) == 4


def test_a_cursor_stays_valid_while_models_come_and_go() -> None:
    models = [HubModel(f"a/{index:02}", downloads=100 - index) for index in range(30)]
    with HubServer(models, page_size=10) as server:
        link = hear(server, "/api/models?sort=downloads").headers["link"]
        server.models["new/first"] = HubModel("new/first", downloads=1000)
        del server.models["a/00"], server.models["a/12"]
        target = link.partition(">")[0].removeprefix(f"<{server.url}")
        answers = [json.loads(hear(server, target).body) for _ in range(2)]
    assert answers[0] == answers[1]
    assert [model["id"] for model in answers[0]] == [f"a/{index:02}" for index in (10, 11, *range(13, 21))]


@pytest.mark.parametrize(
    "query",
    ["cursor=nonsense", "cursor=bnVsbA==", "limit=-1", "limit=x", "sort=size", "expand=all", "num_parameters=7"],
)
def test_a_bad_query_is_refused(query: str) -> None:
    with HubServer(varied_models()) as server:
        assert hear(server, f"/api/models?{query}").status == "HTTP/1.1 400 Bad Request"


def test_fields_depend_on_what_is_asked_for() -> None:
    model = HubModel("a/b", {"model_type": "llama", "hidden_size": 4}, parameters=5, license="mit", gated=True)
    with HubServer([model]) as server:
        plain, full, expanded, rich = (
            json.loads(hear(server, f"/api/models{query}").body)[0]
            for query in (
                "",
                "?full=true",
                "?expand=sha&expand=safetensors&expand=spaces",
                "?cardData=true&config=true",
            )
        )
    assert "sha" not in plain and plain["tags"] == ["transformers", "safetensors", "license:mit"]
    assert (full["sha"], full["gated"], full["siblings"]) == (model.sha, "manual", [{"rfilename": "config.json"}])
    assert expanded.keys() == {"_id", "id", "modelId", "sha", "safetensors"}
    assert expanded["safetensors"] == {"parameters": {"F32": 5}, "total": 5}
    assert (rich["cardData"], rich["config"]) == ({"license": "mit"}, {"model_type": "llama"})


def test_hostile_ids_are_listed_as_they_are() -> None:
    with HubServer([HubModel(text, downloads=-index) for index, text in enumerate(HOSTILE)], page_size=2) as server:
        found = list(api(server).list_models(sort="downloads", expand=["sha", "gated"]))
    assert [model.id for model in found] == HOSTILE
    assert len({model.sha for model in found}) == len(HOSTILE)


def test_the_information_about_a_model() -> None:
    model = HubModel("a/b", files={"sub/x.safetensors": CONTENT}, card_data={"base_model": "c/d"}, gguf={"total": 3})
    with HubServer([model, HubModel("gpt2")]) as server:
        plain = api(server).model_info("a/b")
        exact = api(server).model_info("a/b", revision=model.sha, files_metadata=True)
        assert api(server).model_info("gpt2", expand=["author", "sha"]).author is None
        assert [*json.loads(hear(server, "/api/tasks").body)] == ["text-generation"]
        assert hear(server, "/api/whoami-v2").status.endswith("401 Unauthorized")
        assert api(server, "hf_x").whoami()["name"] == "somebody"
    assert (plain.sha, plain.author, plain.gguf) == (model.sha, "a", {"total": 3})
    assert plain.card_data is not None and plain.card_data.to_dict()["base_model"] == "c/d"
    files = {found.rfilename: (found.size, found.lfs and found.lfs.sha256) for found in exact.siblings or []}
    assert files == {"config.json": (2, None), "sub/x.safetensors": (1024, sha256(CONTENT).hexdigest())}


def test_files_are_named_as_git_and_large_file_storage_name_them() -> None:
    with HubServer([HubModel("a/b", files={"x.safetensors": CONTENT})]) as server:
        small, large = (api(server).get_hf_file_metadata(url=resolve(server, "a/b", None, name)) for name in NAMES)
    assert (small.etag, small.size) == ("9e26dfeeb6e641a33dae4961196235bdb965b21b", 2)  # git hash-object of {}
    assert (large.etag, large.size) == (sha256(CONTENT).hexdigest(), 1024)
    assert large.commit_hash == HubModel("a/b").sha


def test_the_tree_of_a_repository() -> None:
    model = HubModel("a/b", files={"unet/x.bin": b"1", "unet/deep/y.json": b"{}"})
    with HubServer([model]) as server:
        assert [entry.path for entry in api(server).list_repo_tree("a/b")] == ["unet", "config.json"]
        assert [entry.path for entry in api(server).list_repo_tree("a/b", "unet")] == ["unet/deep", "unet/x.bin"]
        assert api(server).list_repo_files("a/b") == ["config.json", "unet/deep/y.json", "unet/x.bin"]


@pytest.mark.parametrize("roundabout", [False, True])
def test_downloads_bring_the_same_bytes_and_no_token_to_the_other_host(roundabout: bool, tmp_path: Path) -> None:
    files = {"model.safetensors": lambda: CONTENT, "sub/tokens.txt": b"abc", "README.md": b""}
    model = HubModel("a/b", {"model_type": "llama"}, files=files)
    with HubServer([model], cdn=roundabout, cache_redirects=roundabout) as server:
        client = api(server, "hf_secret")
        one = client.hf_hub_download("a/b", "model.safetensors", cache_dir=tmp_path / "one")
        folder = Path(client.snapshot_download("a/b", cache_dir=tmp_path / "all"))
    assert Path(one).read_bytes() == CONTENT
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {
        "config.json": b'{"model_type": "llama"}',
        "model.safetensors": CONTENT,
        "sub/tokens.txt": b"abc",
        "README.md": b"",
    }
    assert folder.name == model.sha
    assert all(headers["authorization"] == "Bearer hf_secret" for headers in server.headers)
    assert len(server.cdn_requests) == (2 if roundabout else 0)
    assert not any("authorization" in headers for headers in server.cdn_headers)
    assert any("resolve-cache" in path for path in server.requests) is roundabout


def test_safetensors_metadata_of_one_file_and_of_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    shards = {f"model-{index}.safetensors": save({f"w{index}": np.ones((index, 3))}) for index in (1, 2)}
    index = {"metadata": {"total_size": 72}, "weight_map": {"w1": "model-1.safetensors", "w2": "model-2.safetensors"}}
    large = save({f"layer.{number}.{'x' * 60}": np.ones(1) for number in range(2000)})
    models = [
        HubModel("a/one", files={"model.safetensors": SparseFile(large, 10**12)}),
        HubModel("a/many", files={**shards, "model.safetensors.index.json": json.dumps(index).encode()}),
    ]
    with HubServer(models) as server:
        one = api(server).get_safetensors_metadata("a/one")
        many = api(server).get_safetensors_metadata("a/many")
    assert len(one.weight_map) == 2000 and not one.sharded
    assert {name: tensor.shape for file in many.files_metadata.values() for name, tensor in file.tensors.items()} == {
        "w1": [1, 3],
        "w2": [2, 3],
    }
    assert sum("a/one" in path for path in server.requests) == 3  # HEAD, the first 100 kB, the rest of the header


def test_refusals_are_what_the_client_knows() -> None:
    models = [HubModel("a/gated", gated="manual"), HubModel("a/off", disabled=True), HubModel("a/bare", config=None)]
    with HubServer(models, granted_token="hf_good") as server:
        cases: list[tuple[str, str | None, type[Exception]]] = [
            ("a/gated", None, GatedRepoError),
            ("a/off", None, DisabledRepoError),
            ("a/bare", None, EntryNotFoundError),
            ("a/bare", "0" * 40, RevisionNotFoundError),
            ("a/none", None, RepositoryNotFoundError),
        ]
        for model_id, revision, error in cases:
            for token in (False, "hf_bad"):
                with pytest.raises(error):
                    api(server, token).get_hf_file_metadata(url=resolve(server, model_id, revision), token=token)
        assert api(server).model_info("a/gated").gated == "manual"
        assert api(server, "hf_good").get_hf_file_metadata(url=resolve(server, "a/gated", None)).size == 2
        with pytest.raises(BadRequestError):
            api(server).model_info("a/bare", expand=["everything"])  # type: ignore[list-item]


def resolve(server: HubServer, model_id: str, revision: str | None, name: str = "config.json") -> str:
    return f"{server.url}/{model_id}/resolve/{revision or 'main'}/{name}"


RANGES = [
    ("0-9", slice(0, 10)),
    ("1000-", slice(1000, 1024)),
    ("1000-5000", slice(1000, 1024)),
    ("-24", slice(1000, 1024)),
    ("-5000", slice(0, 1024)),
    ("1023-1023", slice(1023, 1024)),
]


@pytest.mark.parametrize(("asked", "part"), RANGES)
@pytest.mark.parametrize("content", [CONTENT, SparseFile(CONTENT[:1010], 1024)])
def test_ranges(asked: str, part: slice, content: bytes | SparseFile) -> None:
    whole = content if isinstance(content, bytes) else content.head + bytes(14)
    with HubServer([HubModel("a/b", files={"x": content})]) as server:
        heard = hear(server, "/a/b/resolve/main/x", f"Range: bytes={asked}\r\n")
    assert heard.status == "HTTP/1.1 206 Partial Content"
    assert heard.body == whole[part]
    assert heard.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/1024"


def test_what_is_no_range_and_a_range_outside() -> None:
    with HubServer([HubModel("a/b", files={"x": CONTENT})]) as server:
        for text in ("bytes=-", "bytes=0-1,3-4", "lines=0-1"):
            assert hear(server, "/a/b/resolve/main/x", f"Range: {text}\r\n").body == CONTENT
        outside = hear(server, "/a/b/resolve/main/x", "Range: bytes=1024-\r\n")
        head = hear(server, "/a/b/resolve/main/x", method="HEAD")
    assert (outside.status.split()[1], outside.headers["content-range"]) == ("416", "bytes */1024")
    assert (head.headers["content-length"], head.headers["accept-ranges"], head.body) == ("1024", "bytes", b"")


def test_a_large_sparse_file_is_sent_whole() -> None:
    with HubServer([HubModel("a/b", files={"x": SparseFile(b"head", 3_000_000)})]) as server:
        body = hear(server, "/a/b/resolve/main/x").body
    assert body == b"head" + bytes(2_999_996)


def test_budgets_refuse_what_is_too_much_and_count_classes_apart() -> None:
    with HubServer([HubModel("a/b")], budget={"api": (2, 300), "resolvers": (1, 60)}) as server:
        answers = [hear(server, path) for path in ["/api/models"] * 3 + ["/a/b/resolve/main/config.json"] * 2]
    assert [heard.status.split()[1] for heard in answers] == ["200", "200", "429", "200", "429"]
    info = parse_ratelimit_headers(answers[0].headers)
    assert info is not None
    assert (info.resource_type, info.remaining, info.limit, info.window_seconds) == ("api", 1, 2, 300)
    assert 295 <= int(answers[2].headers["retry-after"]) <= 300
    assert server.counts.over_budget == 2


def test_a_budget_is_new_in_a_new_window() -> None:
    moment = [0.0]
    budgets = Budgets({"api": (1, 10)}, lambda: moment[0])
    refused = []
    for moment[0] in (0.0, 4.0, 9.9, 10.0, 15.0):
        refused.append(budgets.spend("api")[1] is not None)
    assert refused == [False, True, True, False, True]


def spoiled(fault: Fault, path: str = "/a/b/resolve/main/x", **listening: Any) -> Heard:
    """Return what is heard of a model with a fault, whose file x is a JSON object."""
    files = {"x": json.dumps({"number": 1, "text": "a", "list": [1]}).encode()}
    with HubServer([HubModel("a/b", files=files, fault=fault)], listing_fault=fault, retry_after=0.2) as server:
        heard = hear(server, path, **listening)
        assert server.counts.spoiled == {fault: 1}
    return heard


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        ("gated", 403, {"x-error-code": "GatedRepo"}),
        ("unauthorized", 401, {"x-error-code": "GatedRepo"}),
        ("disabled", 403, {"x-error-message": "Access to this resource is disabled."}),
        ("no_repository", 404, {"x-error-code": "RepoNotFound"}),
        ("no_config", 404, {"x-error-code": "EntryNotFound"}),
        ("server_error", 500, {}),
        ("bad_gateway", 502, {}),
        ("unavailable", 503, {}),
        ("too_many", 429, {"retry-after": "3600"}),
        ("too_many_briefly", 429, {"retry-after": "0.2"}),
        ("too_many_ratelimit", 429, {"ratelimit": '"api";r=0;t=1'}),
        ("no_content", 204, {}),
        ("not_modified", 304, {}),
        ("elsewhere", 302, {"location": "http://localhost:1/stolen"}),
        ("foreign_redirect", 302, {"location": "http://hub.invalid/stolen"}),
        ("file_redirect", 302, {"location": "file:///etc/passwd"}),
        ("redirect_loop", 302, {"location": "/a/b/resolve/main/x"}),
        ("negative_length", 200, {"content-length": "-5"}),
        ("text_length", 200, {"content-length": "many"}),
    ],
)
def test_faults_of_status_and_headers(fault: Fault, status: int, headers: dict[str, str]) -> None:
    heard = spoiled(fault)
    assert int(heard.status.split()[1]) == status
    assert headers.items() <= heard.headers.items()


def test_a_date_in_retry_after() -> None:
    heard = spoiled("too_many_until")
    assert abs(parsedate_to_datetime(heard.headers["retry-after"]).timestamp() - time.time()) < 5


def test_faults_of_the_body() -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(spoiled("broken_json").body)
    with pytest.raises(UnicodeDecodeError):
        spoiled("garbage_json").body.decode()
    with pytest.raises(RecursionError):
        json.loads(spoiled("deep_json").body)
    assert spoiled("deep_json").body == b"[" * NESTING + b"]" * NESTING
    assert json.loads(spoiled("wrong_types").body) == {"number": ["1"], "text": {"text": "a"}, "list": "words"}
    listed = json.loads(spoiled("wrong_types", "/api/models?full=true").body)
    assert listed[0]["id"] == {"text": "a/b"} and listed[1:] == [7, None]


def test_the_bomb_is_small_and_becomes_gigabytes() -> None:
    heard = spoiled("gzip_bomb")
    assert heard.headers["content-encoding"] == "gzip"
    assert len(heard.body) < 8_000_000
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    quarter = unpacker.decompress(heard.body[: len(heard.body) // 16])
    assert 200_000_000 < len(quarter) < 300_000_000  # a sixteenth of four gigabytes


def test_faults_of_ranges() -> None:
    true = json.dumps({"number": 1, "text": "a", "list": [1]}).encode()
    cases: dict[Fault, tuple[str, bytes, str | None]] = {
        "range_ignored": ("200", true, None),
        "wrong_content_range": ("206", true[2:10], "bytes 9-5/3"),
        "other_range": ("206", true[3:11], f"bytes 3-10/{len(true)}"),
        "short_range": ("206", true[2:6], f"bytes 2-5/{len(true)}"),
        "long_range": ("206", true[2:10] * 2, f"bytes 2-9/{len(true)}"),
    }
    for fault, expected in cases.items():
        heard = spoiled(fault, lines="Range: bytes=2-9\r\n")
        assert (heard.status.split()[1], heard.body, heard.headers.get("content-range")) == expected
        assert spoiled(fault).body == true


@pytest.mark.parametrize(
    ("fault", "place"),
    [("foreign_link", "http://hub.invalid/api/models?cursor=1"), ("looping_link", "{server}/api/models?limit=3")],
)
def test_faults_of_paging(fault: Fault, place: str) -> None:
    with HubServer([HubModel("a/b")], listing_fault=fault) as server:
        answers = [hear(server, "/api/models?limit=3") for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0].headers["link"] == f'<{place.format(server=server.url)}>; rel="next"'
    assert [model["id"] for model in json.loads(answers[0].body)] == ["a/b"]


SLOW: tuple[Fault, ...] = ("silent", "dripping", "dripping_headers")


def test_faults_of_the_connection() -> None:
    silent, dripping, headers = (spoiled(fault, patience=0.7) for fault in SLOW)
    assert (silent.data, silent.ending) == (b"", "open")
    assert dripping.ending == "open" and 1 <= len(dripping.body) <= 14
    assert headers.ending == "open" and b"\r\n\r\n" not in headers.data and headers.data.endswith(b"x")
    truncated = spoiled("truncated")
    assert truncated.ending == "closed" and 0 < len(truncated.body) < int(truncated.headers["content-length"])
    assert spoiled("reset").ending == "reset"
    for fault in ("endless", "endless_chunks"):
        assert len(spoiled(fault, most=20_000_000).data) >= 20_000_000
    assert not spoiled("garbage").data.startswith(b"HTTP")
    assert spoiled("bad_status_line").status == "HTTP/1.1 fine thanks"
    assert len(spoiled("huge_headers").data.partition(b"\r\n\r\n")[0]) > 1_000_000


def test_every_fault_is_done_in_one_way() -> None:
    assert sorted([*REPLACED, *STREAMED]) == sorted(get_args(Fault))


@pytest.mark.parametrize("fault", ["no_config", "gated", "range_ignored"])
def test_a_fault_of_a_file_leaves_the_information_right(fault: Fault) -> None:
    with HubServer([HubModel("a/b", fault=fault)]) as server:
        assert api(server).model_info("a/b").id == "a/b"


def test_a_plan_is_the_same_every_time_and_keeps_its_rates() -> None:
    plan = FaultPlan({"server_error": 0.1, "reset": 0.2}, seed=1)
    choices = [plan.choice(f"/a/{index}") for index in range(20_000)]
    assert choices == [replace(plan).choice(f"/a/{index}") for index in range(20_000)]
    assert choices != [replace(plan, seed=2).choice(f"/a/{index}") for index in range(20_000)]
    assert abs(choices.count("server_error") / 20_000 - 0.1) < 0.01
    assert abs(choices.count("reset") / 20_000 - 0.2) < 0.015
    assert FaultPlan({}).choice("/a") is None
    # A worked example: with one fault for all, everything is spoiled.
    assert {FaultPlan({"reset": 1.0}).choice(str(index)) for index in range(100)} == {"reset"}
    for rates in ({"reset": 0.6, "garbage": 0.6}, {"reset": -0.1}):
        with pytest.raises(ValueError, match="together at most 1"):
            FaultPlan(rates)  # type: ignore[arg-type]


def test_transient_faults_heal() -> None:
    models = [HubModel(f"a/{index}") for index in range(40)]
    seen = []
    for _ in range(2):
        with HubServer(models, faults=FaultPlan({"server_error": 0.3}, seed=5, failures=2)) as server:
            paths = [f"/a/{index}/resolve/main/config.json" for index in range(40)]
            rounds = [[hear(server, path).status.split()[1] for path in paths] for _ in range(3)]
        assert rounds[0] == rounds[1]
        assert set(rounds[2]) == {"200"}
        assert 0 < rounds[0].count("500") < 40
        seen.append(rounds)
    assert seen[0] == seen[1]


def test_closing_is_quick_with_hanging_connections() -> None:
    models = [HubModel("a/silent", fault="silent"), HubModel("a/endless", fault="endless")]
    with HubServer(models) as server:
        port = int(server.url.rpartition(":")[2])
        lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
        for line, name in zip(lines, ["silent", "endless", "none"] * 10, strict=True):
            line.sendall(f"GET /a/{name}/resolve/main/config.json HTTP/1.1\r\n\r\n".encode())
        while len(server.requests) < 30:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert not any(thread.name == "loopback-hub" for thread in threading.enumerate())
    for line in lines:
        line.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))


def test_a_mistake_in_a_test_is_loud() -> None:
    def broken() -> bytes:
        raise ZeroDivisionError("in the test")

    with pytest.raises(ZeroDivisionError), HubServer([HubModel("a/b", files={"x": broken})]) as server:
        assert hear(server, "/a/b/resolve/main/x").data == b""


def test_what_is_no_request_ends_the_connection() -> None:
    with HubServer([]) as server:
        for words in (b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"x" * 100_000):
            with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=5) as line:
                line.sendall(words)
                try:
                    assert line.recv(10) == b""
                except ConnectionResetError:
                    continue  # there was more to read than the server read
        assert server.requests == []
        assert hear(server, "/nothing").status.split()[1] == "404"
        assert hear(server, "/api/models", method="POST").status.split()[1] == "405"


@given(st.binary(max_size=200))
def test_any_head_is_a_request_or_a_value_error(head: bytes) -> None:
    try:
        request = parse_head(head)
    except ValueError:
        return
    assert head.startswith(request.method.encode("latin-1"))


@given(st.text(max_size=60))
def test_any_cursor_is_one_or_refused(text: str) -> None:
    try:
        number, model_id = read_cursor(text)
    except BadQueryError:
        return
    assert read_cursor(write_cursor((number, model_id))) == (number, model_id)


@given(st.integers() | st.floats(allow_nan=False), st.text(st.characters(codec=None)))
def test_cursors_round_trip(number: float, model_id: str) -> None:
    assert read_cursor(write_cursor((number, model_id))) == (number, model_id)


def small_hub(number: int = 10) -> HubServer:
    """Return a server for another process."""
    return HubServer([HubModel(f"a/{index}") for index in range(number)], cdn=True)


def test_a_server_in_its_own_process_counts() -> None:
    with serve_in_process(small_hub) as hub:
        found = list(HfApi(endpoint=hub.url, token=False).list_models(sort="downloads"))
        counts = hub.counts()
    assert len(found) == 10
    assert counts["requests"] == {"api": 1}
    assert counts["bytes_sent"] > 1000
    assert hub.cdn_url != hub.url


def requests_a_second(server: HubServer, number: int) -> float:
    """Ask for configs one after the other over one connection."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=5) as line:
        started = time.perf_counter()
        for index in range(number):
            line.sendall(b"GET /a/%d/resolve/main/config.json HTTP/1.1\r\nHost: x\r\n\r\n" % (index % 10))
            assert line.recv(2**16).startswith(b"HTTP/1.1 200")
        return number / (time.perf_counter() - started)


def test_it_is_quick() -> None:
    with small_hub() as server:
        assert requests_a_second(server, 1000) > 500


def test_twenty_thousand_models_are_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, true_key = [0], Query.key

    def counted(query: Query, model: HubModel) -> tuple[float, str]:
        keys[0] += 1
        return true_key(query, model)

    monkeypatch.setattr(Query, "key", counted)
    with HubServer((HubModel(f"a/{index}", downloads=index) for index in range(20_000)), page_size=1000) as server:
        found = [model.id for model in api(server).list_models(sort="downloads", expand=["sha"])]
    assert found == [f"a/{index}" for index in reversed(range(20_000))]
    assert keys[0] == 40_000  # once to sort and once to keep the keys
