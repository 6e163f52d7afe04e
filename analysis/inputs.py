"""The hash of all that a report depends on."""

from pathlib import Path

from store import Store
from store.provenance import content_hash

PACKAGE = Path(__file__).parent
# The ledger is left out: a run that did nothing leaves a row there.
TABLES_READ = (
    "extractions",
    "extracted_structures",
    "modules",
    "traits",
    "fingerprints",
    "names",
    "similarities",
    "families",
    "representatives",
    "redundancy",
    "experiments",
    "metrics",
    "samples",
)
_WITHOUT_RUN = frozenset({"modules", "traits"})


def input_hash(store: Store) -> str:
    """Return the hash of the work tables' state, of the listed models and of this package's code.

    Work tables are insert-only, so the number of rows and the newest run tell whether anything came in. Models are
    seen anew by every run, so their contents are compared.
    """
    state = {table: _state(store, table) for table in TABLES_READ}
    models = store.rows(
        "SELECT count(*), bit_xor(hash(seen)) FROM (SELECT * EXCLUDE (last_seen_run) FROM models) AS seen"
    )
    return content_hash({"tables": state, "models": models, "code": _code()})


def _state(store: Store, table: str) -> list[object]:
    newest = "NULL" if table in _WITHOUT_RUN else "max(run_id)"
    return [*store.rows(f"SELECT count(*), {newest} FROM {table}")[0]]  # noqa: S608  # names from the list above


def _code() -> dict[str, str]:
    files = sorted(path for ending in ("*.py", "*.sql", "*.j2") for path in PACKAGE.rglob(ending))
    return {str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8") for path in files}
