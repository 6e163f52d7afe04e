"""What mining costs, against a Hub on loopback in a process of its own: `python -m benchmarks.bench_mining [WHAT ...]`.

    faults    10,000 models, 20 % of all resources fail at first, 5 % of the models for ever; compared with a Hub that
              has only the second kind
    headers   the path that reads tensor headers, beside huggingface_hub.get_safetensors_metadata, in turn, 16 threads
    real      the real configs beside this checkout, in repositories of a Hub
    configs   20,000 repositories that share 500 configs, beside the 500 alone

Each stage runs as a process of its own, whose resident set is sampled. A bound that is missed ends with status 1.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench_configs import CONFIGS_FILE, REQUIRED, real_configs
from benchmarks.mining_hubs import faulty, real, shared_configs, with_headers
from model_extract.auto_classes import registered_types
from model_extract.stage import rarely_collected
from pipeline.settings import ROOT
from store import Store
from tests.loopback.process import ServedHub, serve_in_process

SAMPLE_SECONDS = 0.2
THREADS = 16
ROUNDS = 3
_LONGEST = re.compile(r"longest ([\d.]+) s")
# Columns that say what an outcome cost, not what it is.
_COSTS = "run_id, seconds, requests, bytes_downloaded"
_EXTRACTED = f"SELECT * EXCLUDE ({_COSTS}) FROM current_extractions WHERE status = 'extracted' ORDER BY ALL"
_TABLES = {
    "extracted rows": _EXTRACTED,
    "reasons": "SELECT model_id, status, reason FROM current_extractions ORDER BY ALL",
    "structures": "SELECT * EXCLUDE (run_id) FROM extracted_structures ORDER BY ALL",
    "modules": "SELECT * FROM extracted_modules ORDER BY ALL",
    "traits": "SELECT * FROM traits ORDER BY ALL",
}


@dataclass
class Measured:
    """One run of the stage: wall seconds, longest request, resident set of the driver over time in bytes."""

    seconds: float
    longest_request_seconds: float
    resident: list[int] = field(default_factory=list)

    @property
    def peak_megabytes(self) -> float:
        return max(self.resident) / 1e6

    @property
    def growth(self) -> float:
        """Return how much the driver grew from the middle of the run to its end, as a share."""
        late = self.resident[len(self.resident) // 2 :]
        return max(late) / late[0] - 1


def mine(store: Path, hub: ServedHub, *flags: str) -> Measured:
    """Run stage 1 against a Hub and return what it took."""
    command = [sys.executable, "-m", "model_extract", "run", "--source", "hub", "--tasks", "text-generation"]
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_benchmark"}
    started, resident = time.monotonic(), []
    process = subprocess.Popen(
        [*command, "--store", str(store), *flags], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    watch = threading.Thread(target=_sample, args=(process, resident), daemon=True)
    watch.start()
    said, _ = process.communicate()
    seconds = time.monotonic() - started
    if process.returncode:
        raise SystemExit(said)
    watch.join()
    longest = _LONGEST.search(said)
    return Measured(seconds, float(longest[1]) if longest else 0.0, resident)


def measure_faults(folder: Path) -> Iterator[tuple[str, str, str, bool]]:
    """Yield rows for 10,000 models with faults."""
    models, configs, deadline = 10_000, 200, 20.0
    runs = {}
    for name, transient in (("calm", False), ("faulty", True)):
        with serve_in_process(partial(faulty, models, configs, transient=transient)) as hub:
            runs[name] = mine(folder / name, hub, "--limit", str(models))
            spoiled = sum(hub.counts()["spoiled"].values())
    with Store.open(folder / "faulty", create=False) as store, Store.open(folder / "calm", create=False) as calm:
        rows = store.rows(
            "SELECT count(*), count(DISTINCT model_id), count(*) FILTER (status = 'extracted') FROM extractions"
        )[0]
        building = store.rows("SELECT sum(seconds) FROM extractions")[0][0] / 2
        equal = {name: store.rows(sql) == calm.rows(sql) for name, sql in _TABLES.items()}
    run = runs["faulty"]
    yield (
        "faults: seconds, building taken off",
        f"{run.seconds - building:.1f} (fault-free {runs['calm'].seconds:.1f})",
        "< 120",
        run.seconds - building < 120,
    )
    yield "faults: requests that were spoiled", f"{spoiled:,}", "> 2,000", spoiled > 2000
    yield (
        "faults: rows, distinct models, extracted",
        " ".join(f"{n:,}" for n in rows),
        "10,000 10,000",
        rows[0] == rows[1] == models,
    )
    for name, same in equal.items():
        yield f"faults: {name} as without transient faults", "equal" if same else "DIFFERENT", "equal", same
    yield (
        "faults: longest request, seconds",
        f"{run.longest_request_seconds:.2f}",
        f"<= {deadline:g}",
        run.longest_request_seconds <= deadline + 0.5,
    )
    yield "faults: driver's peak, MB", f"{run.peak_megabytes:.0f}", "< 600", run.peak_megabytes < 600
    yield "faults: growth in the second half", f"{run.growth:.1%}", "< 15 %", run.growth < 0.15


def measure_headers(folder: Path) -> Iterator[tuple[str, str, str, bool]]:
    """Yield rows for the header path and its peer."""
    models = 1500
    with serve_in_process(partial(with_headers, models)) as hub, _endpoint(hub):
        ours, peers, cost = _in_turn(models)
        stage = mine(
            folder / "headers", hub, "--views", "header", "--limit", str(models), "--hub-threads", str(THREADS)
        )
    requests, n_bytes = cost
    yield "headers: models/s, read and checked", f"{ours:.0f}", ">= 300", ours >= 300
    yield "headers: models/s, get_safetensors_metadata", f"{peers:.0f}", "", True
    yield "headers: ratio", f"{ours / peers:.2f}", ">= 1.5", ours / peers >= 1.5
    yield "headers: requests a model", f"{requests:.3f}", "<= 1.2", requests <= 1.2
    yield "headers: kB a model", f"{n_bytes / 1e3:.1f}", "<= 110", n_bytes <= 110_000
    yield "headers: models/s, whole stage with trees and store", f"{models / stage.seconds:.0f}", "", True


def measure_configs(folder: Path) -> Iterator[tuple[str, str, str, bool]]:
    """Yield rows for many repositories with few configs."""
    models, configs = 20_000, 500
    with serve_in_process(partial(shared_configs, configs, configs)) as hub:
        few = mine(folder / "few", hub, "--limit", str(models))
    with serve_in_process(partial(shared_configs, models, configs)) as hub:
        many = mine(folder / "many", hub, "--limit", str(models))
    with Store.open(folder / "many", create=False) as store:
        built = store.rows("SELECT count(*) FROM extracted_structures")[0][0]
        extracted = store.rows("SELECT count(*) FROM extractions WHERE status = 'extracted'")[0][0]
    yield (
        "configs: extracted of 20,000; structures",
        f"{extracted:,}; {built:,}",
        "20,000; 500",
        (extracted, built) == (models, configs),
    )
    yield "configs: seconds for 500, for 20,000", f"{few.seconds:.1f}, {many.seconds:.1f}", "", True
    extra = many.seconds - few.seconds
    yield "configs: seconds more", f"{extra:.1f}", "< 60", extra < 60
    yield "configs: driver's peak, MB", f"{many.peak_megabytes:.0f}", "< 600", many.peak_megabytes < 600


def measure_real(folder: Path) -> Iterator[tuple[str, str, str, bool]]:
    """Yield rows for the real configs."""
    with serve_in_process(real) as hub:
        mine(folder / "real", hub, "--limit", "2000")
    with Store.open(folder / "real", create=False) as store:
        rows = store.rows("SELECT model_type, coalesce(reason, 'extracted') FROM extractions")
        distinct = store.rows("SELECT count(DISTINCT model_id) FROM extractions")[0][0]
    reasons = Counter(reason for _, reason in rows)
    registered = [reason for model_type, reason in rows if model_type in registered_types()]
    share = registered.count("extracted") / len(registered)
    told = ", ".join(f"{reason} {number:,}" for reason, number in reasons.most_common())
    once = len(rows) == distinct == len(real_configs())
    yield "real: rows, one a config", f"{len(rows):,}", f"{len(real_configs()):,}", once
    yield "real: outcomes", told, "", True
    kept = share >= REQUIRED
    yield f"real: share of {len(registered)} registered types", f"{share:.4f}", f">= {REQUIRED}", kept


def _in_turn(models: int) -> tuple[float, float, tuple[float, float]]:
    """Return models a second of our header path and of its peer, medians of rounds in turn, and our cost a model."""
    import huggingface_hub

    from hub import Hub, Policy
    from model_extract.files import HubFiles
    from model_extract.readers.safetensors_header import read_header

    with Hub(Policy(), threads=THREADS) as hub:
        listed = hub.page("limit=1000&expand=sha").models
        listed += hub.page("limit=1000&expand=sha", hub.page("limit=1000&expand=sha").cursor).models
        assert len(listed) == models
        spent: list[tuple[int, int]] = []

        def ours(model: dict[str, Any]) -> None:
            files = HubFiles(hub, model["id"], model["sha"])
            read_header(files, "model.safetensors")
            spent.append((files.cost.requests, files.cost.n_bytes))

        def peer(model: dict[str, Any]) -> None:
            huggingface_hub.get_safetensors_metadata(model["id"])

        rates: dict[Callable[[dict[str, Any]], None], list[float]] = {ours: [], peer: []}
        for function in (ours, peer) * ROUNDS:
            started = time.monotonic()
            # Ours runs as stage 1 runs it; the peer as anybody would.
            with rarely_collected() if function is ours else nullcontext(), ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(function, listed))
            rates[function].append(models / (time.monotonic() - started))
    requests, n_bytes = (sum(values) / len(spent) for values in zip(*spent, strict=True))
    return median(rates[ours]), median(rates[peer]), (requests, n_bytes)


@contextmanager
def _endpoint(hub: ServedHub) -> Iterator[None]:
    """Let this process ask a Hub. huggingface_hub reads the address once, when it is imported."""
    os.environ["HF_ENDPOINT"] = hub.url
    try:
        yield
    finally:
        del os.environ["HF_ENDPOINT"]


def _sample(process: subprocess.Popen, resident: list[int]) -> None:
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            lines = status.read_text(encoding="ascii").splitlines()
        except OSError:
            return
        resident.extend(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
        time.sleep(SAMPLE_SECONDS)


MEASURES = {"real": measure_real, "faults": measure_faults, "headers": measure_headers, "configs": measure_configs}


def main() -> int:
    """Print a row for each figure, with its bound."""
    chosen = sys.argv[1:] or [name for name in MEASURES if name != "real" or CONFIGS_FILE.exists()]
    missed = 0
    print(f"{'figure':<52} {'measured':<34} {'bound':<14}")
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            for what, measured, bound, kept in MEASURES[name](Path(folder)):
                print(f"{what:<52} {measured:<34} {bound:<14} {'' if kept else 'MISSED'}", flush=True)
                missed += not kept
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
