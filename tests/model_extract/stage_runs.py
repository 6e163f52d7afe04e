"""Running the stage on small folders, and what its tables hold apart from run ids and times."""

import json
from pathlib import Path
from typing import Any

from model_extract.stage import run
from pipeline.progress import Progress, make_progress
from pipeline.settings import Settings, load_settings
from pipeline.stages import StageReport
from store import Store

TABLES = {
    "extractions": "SELECT * EXCLUDE (run_id, seconds) FROM current_extractions",
    "models": "SELECT * EXCLUDE (first_seen_run, last_seen_run) FROM models",
    "structures": "SELECT * EXCLUDE (run_id) FROM extracted_structures",
    "modules": "SELECT * FROM modules",
    "traits": "SELECT * FROM traits",
}


def settings_for(folder: Path, **flags: Any) -> Settings:
    return load_settings({"source": "directory", "directory": str(folder), **flags})


def run_stage(store: Store, settings: Settings, progress: Progress | None = None) -> StageReport:
    return run(store, settings, progress or make_progress(json_lines=False))


def tables(store: Store) -> dict[str, list[str]]:
    """Return every table's rows as text, sorted: equal exactly when the tables are."""
    return {name: sorted(map(repr, store.rows(sql))) for name, sql in TABLES.items()}


def reasons(store: Store) -> dict[str, str | None]:
    return dict(store.rows("SELECT model_id, reason FROM current_extractions ORDER BY model_id"))


def write_configs(folder: Path, configs: dict[str, dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, config in configs.items():
        (folder / f"{name}.json").write_text(json.dumps(config))


def small_llamas(number: int) -> dict[str, dict[str, Any]]:
    """Return configs that build in a few milliseconds, all of them different."""
    shared = {
        "model_type": "llama",
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "vocab_size": 10,
        "intermediate_size": 8,
    }
    return {f"llama-{index:03}": {**shared, "hidden_size": 8 * (index + 1)} for index in range(number)}
