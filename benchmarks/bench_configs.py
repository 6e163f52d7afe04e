"""What becomes of real configs: `python -m benchmarks.bench_configs`.

Builds the 1,049 real configs beside this checkout in confined child processes, each distinct one once, and prints a row
for each status. Of those whose model type the installed transformers registers, the share `REQUIRED` must be extracted:
below that it ends with status 1. `--rows` lists all that were not extracted.
"""

import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from model_extract.auto_classes import registered_types
from model_extract.config import canonical_config, config_hash
from model_extract.failures import UnreadableError
from model_extract.readers import meta_device
from model_extract.reading import ReadRequest, Refusal, Structure
from pipeline.engines import Limits, Outcome, Task, run_tasks
from pipeline.settings import ROOT, Settings, load_settings
from pipeline.text import printable
from store.provenance import library_versions

CONFIGS_FILE = ROOT.parent / "shared" / "data" / "hub_configs.jsonl.gz"
REQUIRED = 0.97
EXTRACTED = "extracted"


@dataclass(frozen=True)
class RealConfig:
    """A config.json as it stands in a public repository."""

    repository: str
    path: str
    values: dict[str, Any]

    @property
    def model_type(self) -> Any:
        """What the config says that it is: anything."""
        return self.values.get("model_type")


@dataclass(frozen=True)
class Verdict:
    """What became of one config; `detail` is empty where it was extracted."""

    config: RealConfig
    status: str
    detail: str

    @property
    def registered(self) -> bool:
        """Whether the installed transformers has a class for the model type."""
        return self.config.model_type in registered_types()


def real_configs() -> list[RealConfig]:
    """Return the real configs in the order of the file, or exit with what is missing."""
    if not CONFIGS_FILE.is_file():
        raise SystemExit(f"expected real configs in {CONFIGS_FILE}, found none")
    with gzip.open(CONFIGS_FILE, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [RealConfig(row["source_repo"], row["source_path"], row["config"]) for row in rows]


def verdicts(configs: list[RealConfig], settings: Settings) -> Iterator[Verdict]:
    """Yield what becomes of each config, as stage 1 decides it."""
    same: dict[str, list[RealConfig]] = {}
    tasks: list[Task[ReadRequest]] = []
    for config in configs:
        try:
            canonical = canonical_config(config.values)
        except UnreadableError as error:
            yield Verdict(config, error.reason, error.detail)
            continue
        name = config_hash(canonical)
        if name not in same:
            tasks.append(Task(name, ReadRequest(canonical, settings.max_modules)))
        same.setdefault(name, []).append(config)
    limits = Limits(settings.model_memory, settings.model_seconds, confined=True)
    workers = settings.worker_count
    for outcome in run_tasks(meta_device.read, tasks, workers=workers, limits=limits, preload=meta_device.PRELOAD):
        status, detail = _judged(outcome)
        yield from (Verdict(config, status, detail) for config in same[outcome.key])


def _judged(outcome: Outcome[Structure | Refusal]) -> tuple[str, str]:
    if isinstance(outcome.value, Structure):
        return EXTRACTED, ""
    if isinstance(outcome.value, Refusal):
        return outcome.value.reason, outcome.value.detail
    return outcome.status, outcome.detail


def table(found: list[Verdict]) -> str:
    """Return a row for each status: how many configs, and how many of them of a registered type."""
    of_all = Counter(verdict.status for verdict in found)
    of_registered = Counter(verdict.status for verdict in found if verdict.registered)
    lines = [f"{'status':20} {'configs':>8} {'registered type':>16}"]
    lines.extend(f"{status:20} {number:8,} {of_registered[status]:16,}" for status, number in of_all.most_common())
    return "\n".join([*lines, f"{'all':20} {of_all.total():8,} {of_registered.total():16,}"])


def row(verdict: Verdict) -> str:
    """Return one config that was not extracted on a line; its texts are escaped."""
    cells = (verdict.config.repository, verdict.config.path, str(verdict.config.model_type), verdict.status)
    return " | ".join(printable(cell, 200) for cell in (*cells, verdict.detail))


def main() -> None:
    """Print the table and exit with status 1 where too few are extracted."""
    started = time.monotonic()
    found = list(verdicts(real_configs(), load_settings({})))
    if "--rows" in sys.argv[1:]:
        print("\n".join(row(verdict) for verdict in found if verdict.status != EXTRACTED))
    registered = [verdict for verdict in found if verdict.registered]
    share = sum(verdict.status == EXTRACTED for verdict in registered) / len(registered)
    versions = library_versions()
    print(f"transformers {versions['transformers']}, torch {versions['torch']}, {time.monotonic() - started:.1f} s")
    print(table(found))
    print(f"extracted of registered types: {share:.4f}, required {REQUIRED}")
    raise SystemExit(0 if share >= REQUIRED else 1)


if __name__ == "__main__":
    main()
