"""Mining that is killed again and again, and the same command each time: the tables of an undisturbed run."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from model_extract.extraction import Extracted
from model_extract.formats.tensors import Tensor
from model_extract.tensor_tree import describe_tensors
from model_extract.writer import Writer
from pipeline.settings import load_settings
from store import Store
from store.records import ExtractionRecord
from tests.hub_server import HubModel, HubServer
from tests.model_extract.mining_process import Place, descendants, new_place, said, start
from tests.model_extract.mixed_hub import TASKS, mixed_models
from tests.model_extract.stage_runs import run_stage, small_llamas, tables

Phase = Literal["listing", "reading", "building"]

FLAGS = ("--tasks", ",".join(TASKS), "--limit", "1000", "--views", "both", "--workers", "1")
# A few threads and a pause between requests: reading takes long enough to be killed in it.
SLOWLY = ("--hub-threads", "4", "--hub-pause", "0.003")
PATIENCE_SECONDS = 60.0
# Less than the longest silence that is borne, 8 s: questions under way are cut off.
LAST_WORDS_SECONDS = 5.0
# Requests: 3 times 3 are not all of the 11 pages; the models with a config take 200 and are read until they are built.
PAGES_AT_A_TIME, FILES_AT_A_TIME = 3, 200
HELPERS = 2  # processes that the engine starts before the first one that builds
BUILDING_SECONDS = 0.1  # all configs together take several times as long, also on a quick machine

# What the tables of `stage_runs` leave out; run ids and the listing's own id differ.
MORE_TABLES = {
    "pages": "SELECT DISTINCT listing_key, source, query, page, cursor, n_models, skipped "
    "FROM listing_pages WHERE query <> ''",
    "sightings": "SELECT DISTINCT * EXCLUDE (run_id) FROM sightings",
    "cross_checks": "SELECT * EXCLUDE (run_id) FROM current_cross_checks",
    "extracted_modules": "SELECT * FROM extracted_modules",
    "outcomes": "SELECT source, model_id, revision, count(*) FROM extractions GROUP BY ALL",
}


@dataclass(frozen=True)
class Moment:
    """When a process is killed: in a phase, after so many of its requests, and so many seconds later."""

    phase: Phase
    requests: int
    seconds: float


def moments(seed: int) -> list[Moment]:
    """Return the ten moments of a sequence: each phase of the work gets some, in the order of the phases."""
    chance = random.Random(seed)
    return [
        Moment("listing", 0, chance.uniform(0, 0.4)),  # before the first request
        *(Moment("listing", chance.randint(1, PAGES_AT_A_TIME), chance.uniform(0, 0.02)) for _ in range(3)),
        *(Moment("reading", chance.randint(1, FILES_AT_A_TIME), chance.uniform(0, 0.05)) for _ in range(4)),
        *(Moment("building", 0, chance.uniform(0, BUILDING_SECONDS)) for _ in range(2)),
    ]


def all_tables(path: Path) -> dict[str, list[str]]:
    with Store.open(path) as store:
        more = {name: sorted(map(repr, store.rows(sql))) for name, sql in MORE_TABLES.items()}
        return {**tables(store), **more}


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with HubServer(mixed_models(), page_size=40) as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(server: HubServer) -> dict[str, list[str]]:
    with new_place() as place:
        assert start(place, server.url, *FLAGS).wait(PATIENCE_SECONDS) == 0, said(place)
        return all_tables(place.store)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "every"), [(1, 4), *(pytest.param(seed, 1, marks=pytest.mark.long) for seed in (1, 2, 3))]
)
def test_killed_and_resumed(seed: int, every: int, server: HubServer, undisturbed: dict[str, list[str]]) -> None:
    """Kill at every fourth of the ten moments, one a phase, or at all of them."""
    with new_place() as place:
        orphans: list[int] = []
        for moment in moments(seed)[::every]:
            orphans.extend(killed(place, server, moment))
        assert start(place, server.url, *FLAGS).wait(PATIENCE_SECONDS) == 0, said(place)
        assert all_tables(place.store) == undisturbed
        wait_for(lambda: not any(map(is_alive, orphans)))


def test_ctrl_c_ends_it_within_seconds_and_the_same_command_goes_on() -> None:
    """The Hub keeps silent; each question may wait for it for 20 s, and be asked twice."""
    configs = small_llamas(20)
    silent = [HubModel(f"silent/{name}", config, fault="silent") for name, config in configs.items()]
    with new_place() as place, HubServer(silent) as server:
        process = start(place, server.url, *FLAGS)
        wait_for(lambda: server.counts.requests["resolvers"] >= len(silent), process)
        pressed = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 130, said(place)
        assert time.monotonic() - pressed < LAST_WORDS_SECONDS
        assert "goes on from there" in said(place)
        server.models.update({model.model_id: HubModel(model.model_id, model.config) for model in silent})
        assert start(place, server.url, *FLAGS).wait(PATIENCE_SECONDS) == 0, said(place)
        with Store.open(place.store) as store:
            assert store.rows("SELECT status FROM runs ORDER BY run_id") == [("interrupted",), ("done",)]
            assert store.rows("SELECT count(*) FROM extractions WHERE status = 'extracted'") == [(len(silent),)]


def test_a_tag_that_promises_weights_is_looked_into_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other view is none: that must be an outcome, or every run reads it again."""
    (config,) = small_llamas(1).values()
    tagged = HubModel("a/tagged", config, tags=("safetensors",))
    with HubServer([tagged]) as server, Store.open(None) as store:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        for _ in range(2):
            run_stage(store, load_settings({"source": "hub", "tasks": "text-generation", "views": "both"}))
        assert server.counts.requests["resolvers"] == 1
        assert store.rows("SELECT verdict FROM cross_checks") == [("no_header",)]


def test_a_structure_that_waits_for_its_batch_is_there_to_be_compared() -> None:
    """A model may share its config with one of the same run whose transaction is still to come."""
    structure = describe_tensors([Tensor("a.weight", "F32", (2,))], "header", {})
    record = ExtractionRecord("", "a/b", "hub", "unknown", "extracted", None, "meta-device", None, 0.0)
    with Store.open(None) as store, store.run("extract", {}) as handle:
        writer = Writer(store, handle)
        writer.add(Extracted(record, (structure,)))
        assert store.rows("SELECT count(*) FROM extracted_structures") == [(0,)]
        assert writer.load(structure.summary.structure_id) == structure
        writer.flush()
        assert writer.load(structure.summary.structure_id).modules == structure.modules


def killed(place: Place, server: HubServer, moment: Moment) -> Sequence[int]:
    """Run until a moment and kill; return the processes that the killed one leaves behind."""
    before = server.counts.requests.copy()
    process = start(place, server.url, *FLAGS, *SLOWLY)
    wait_for(lambda: is_reached(moment, process.pid, server.counts.requests - before), process)
    time.sleep(moment.seconds)
    children = descendants(process.pid)
    process.send_signal(signal.SIGKILL)
    status = process.wait(PATIENCE_SECONDS)
    if status == 0:  # a quick machine was through before: the next run lists anew, and is killed there
        return killed(place, server, Moment("listing", 1, 0.0))
    assert status == -signal.SIGKILL, said(place)
    return children


def is_reached(moment: Moment, pid: int, requests: Counter[str]) -> bool:
    if moment.phase == "building":
        return len(descendants(pid)) > HELPERS
    if moment.phase == "listing" and requests["resolvers"]:
        return True  # an earlier run has listed more than expected
    return requests["api" if moment.phase == "listing" else "resolvers"] >= moment.requests


def wait_for(event: Callable[[], bool], process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Wait until something is so, or a process has ended."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not event() and (process is None or process.poll() is None):
        assert time.monotonic() < until
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
