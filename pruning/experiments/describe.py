"""What the methods are, written into the store for those that read it without this program."""

from dataclasses import astuple

from pruning.methods import METHODS
from store import Store
from store.records import MethodRecord


def describe_methods(store: Store, run_id: str) -> None:
    """Insert the descriptions of all methods that the store does not have yet."""
    known = {*store.rows("SELECT method, version, scope, origin, calibrated, random FROM current_methods")}
    records = [
        MethodRecord(run_id, method.name, method.version, method.scope, method.source, method.calibrated, method.random)
        for method in METHODS
    ]
    store.insert([record for record in records if astuple(record)[1:] not in known])
