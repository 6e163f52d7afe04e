"""A Hub full of hostile repositories, mined in one run by the real command line."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest

from model_extract.sources.hub import listing_of
from store import Store
from store.records import ExtractionReason
from tests.hub_server import HubServer
from tests.model_extract.hostile import HOSTILE_TASK, TASK, Hostile, hostile_models
from tests.model_extract.mining_process import TOKEN, Place, descendants, files_below, new_place, said, start

# Python's threads and the server share two cores with the run.
SECONDS = 60
MEMORY_BYTES = 1_500_000_000  # of the parent, at its peak
FLAGS = ("--views", "both", "--tasks", f"{TASK},{HOSTILE_TASK}", "--limit", "1000", "--hub-seconds", "4", "-v")
LIMITS = ("--model-seconds", "10", "--max-modules", "5000")
# Made by torch when it is imported, and left empty.
LIBRARY_FOLDER = re.compile(r"scratch/torchinductor_\w+")
STORED = {"store", "store/arborist.duckdb"}


@dataclass
class Watched:
    """What other processes of this machine can see of a run."""

    told_in_arguments: set[str] = field(default_factory=set)
    children_with_token: set[str] = field(default_factory=set)
    peak_bytes: int = 0
    rounds: int = 0


@dataclass(frozen=True, repr=False)  # its models are gigabytes when they are written out
class Run:
    """A run that has come to its end."""

    place: Place
    server: HubServer
    hostile: list[Hostile]
    status: int
    seconds: float
    watched: Watched
    canary: Path


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with new_place() as place:
        canary = place.root / "CANARY"
        hostile = hostile_models(canary)
        with HubServer([one.model for one in hostile], page_size=40, cdn=True) as server:
            started = time.monotonic()
            process = start(place, server.url, *FLAGS, *LIMITS)
            with watching(process.pid) as watched:
                status = process.wait(timeout=4 * SECONDS)
            seconds = time.monotonic() - started
        yield Run(place, server, hostile, status, seconds, watched, canary)


@contextmanager
def watching(pid: int) -> Iterator[Watched]:
    """Look at a process and at those that it starts, again and again."""
    watched, over = Watched(), threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            _look(pid, watched)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield watched
    finally:
        over.set()
        thread.join()


def _look(pid: int, watched: Watched) -> None:
    watched.rounds += 1
    children = descendants(pid)
    for one in (pid, *children):
        arguments = _of_process(one, "cmdline")
        if TOKEN.encode() in arguments:
            watched.told_in_arguments.add(arguments.decode(errors="replace"))
    watched.children_with_token.update(
        _of_process(one, "cmdline").decode(errors="replace")
        for one in children
        if TOKEN.encode() in _of_process(one, "environ")
    )
    peak = re.search(rb"VmHWM:\s+(\d+) kB", _of_process(pid, "status"))
    watched.peak_bytes = max(watched.peak_bytes, int(peak[1]) * 1024 if peak else 0)


def _of_process(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended
        return b""


def test_it_ends_well_and_in_time(run: Run) -> None:
    assert run.status == 0, said(run.place)
    assert run.seconds < SECONDS
    assert len(run.hostile) > 200


def test_every_repository_ends_once_and_with_its_reason(run: Run) -> None:
    with Store.open(run.place.store) as store:
        rows = store.rows("SELECT model_id, reason, status FROM extractions")
        assert store.rows("SELECT count(*), count(DISTINCT model_id) FROM sightings") == [(len(run.hostile),) * 2]
    expected = {stored_id(one): one.reason for one in run.hostile}
    assert len(rows) == len(expected) == len(run.hostile)
    assert {model_id: reason for model_id, reason, _ in rows} == expected
    assert all((reason is None) == (status == "extracted") for _, reason, status in rows)
    assert {reason for _, reason, _ in rows} <= {None, *get_args(ExtractionReason)}


def stored_id(one: Hostile) -> str:
    listing = listing_of({"id": one.model.model_id})
    assert listing is not None
    return listing.model_id


def test_nothing_is_run_and_nothing_written_but_the_store(run: Run) -> None:
    assert not run.canary.exists()
    written = {name for name in files_below(run.place.root) if not LIBRARY_FOLDER.fullmatch(name)}
    assert written == {"home", "cache", "scratch", "folder", "output", "errors"} | STORED
    own = [one.model.model_id for one in run.hostile if "/" not in one.model.model_id]
    assert not [name for name in own if name.isprintable() and (run.place.root / "folder" / name).is_file()]


def test_no_code_no_pickle_and_no_tokenizer_is_asked_for(run: Run) -> None:
    asked = [path for path in run.server.requests if "/resolve/" in path]
    assert len(asked) > 200
    assert not [path for path in asked if re.search(r"\.(py|bin|pkl|pt)$|/tokenizer\w*\.|evil", path)]
    assert not [path for path in [*asked, *run.server.cdn_requests] if ".." in path or "%2e" in path.lower()]


def test_the_token_goes_to_the_endpoint_alone(run: Run) -> None:
    carried = {headers.get("authorization") for headers in run.server.headers}
    assert carried == {f"Bearer {TOKEN}"}
    assert len(run.server.cdn_headers) > 100
    assert TOKEN not in repr(run.server.cdn_headers) + repr(run.server.cdn_requests) + repr(run.server.requests)


def test_the_token_is_nowhere_else(run: Run) -> None:
    assert run.watched.rounds > 20
    assert run.watched.told_in_arguments == set()
    for name in files_below(run.place.root):
        path = run.place.root / name
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), name


def test_processes_that_build_never_had_the_token(run: Run) -> None:
    """What a process began with stays readable in /proc/self/environ, whatever it forgets afterwards."""
    assert not [told for told in run.watched.children_with_token if "multiprocessing" in told]


def test_what_is_printed_steers_no_terminal_and_no_log_reader(run: Run) -> None:
    text = said(run.place)
    assert not re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", text)
    lines = text.splitlines()
    assert len(lines) > 150
    assert not [line for line in lines if line.lstrip().startswith("::")]
    named = [line for line in lines if "the store is gone" in line or "DROP TABLE" in line]
    assert named and not [line for line in lines if line.startswith("error")]


def test_the_parent_stays_small(run: Run) -> None:
    assert 50_000_000 < run.watched.peak_bytes < MEMORY_BYTES
