"""What the report reads of the measured variants, as files: see `tools.train_variants`."""

from datetime import UTC, datetime
from pathlib import Path

from analysis.comparison import DAMAGE, DamageRow
from analysis.prediction.kept import DAMAGES, MODELS, PROVENANCE, KeptDamage
from analysis.prediction.models import METHOD_VERSIONS, MODEL_FEATURES
from analysis.tabular import csv_text
from pipeline.errors import StageError
from pruning.experiments.specification import PROTOCOL_VERSION
from store import Store


def export(store_path: Path, folder: Path, seed: int) -> None:
    """Write models, damages and provenance of a store into a folder. StageError: texts are mixed."""
    with Store.open(store_path, create=False) as store:
        models = [row for row in store.fetch(MODEL_FEATURES) if row.dense_perplexity is not None]
        versions = {row.method: row.method_version for row in store.fetch(METHOD_VERSIONS)}
        damages = [_kept(row, versions[row.method]) for row in store.fetch(DAMAGE)]
        commits = {row[0] for row in store.rows("SELECT DISTINCT git_commit FROM current_experiments")}
    evaluations = {row.evaluation for row in models}
    if len(evaluations) != 1:
        raise StageError(f"expected models measured on one evaluation text, got {sorted(map(str, evaluations))}")
    (folder / MODELS).write_text(csv_text(models), encoding="utf-8")
    (folder / DAMAGES).write_text(csv_text(damages), encoding="utf-8")
    (folder / PROVENANCE).write_text(
        _provenance(", ".join(sorted(map(str, commits))), evaluations.pop(), seed), encoding="utf-8"
    )


def _kept(row: DamageRow, version: int) -> KeptDamage:
    return KeptDamage(
        row.source, row.model_id, row.method, version, row.scope, row.ratio, row.n_windows, float(f"{row.damage:.9g}")
    )


def _provenance(commit: str, evaluation: str | None, seed: int) -> str:
    return (
        f'commit = "{commit}"\n'
        f'date = "{datetime.now(UTC):%Y-%m-%d}"\n'
        f"protocol_version = {PROTOCOL_VERSION}\n"
        f'evaluation = "{evaluation}"\n'
        f"seed = {seed}\n"
    )
