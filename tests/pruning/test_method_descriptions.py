"""What the store says of the methods is what the plug-ins say, once."""

from pruning.experiments.describe import describe_methods
from pruning.methods import METHODS
from store import Store

FIRST, SECOND = "20261101T100000.000000-aaaaaa", "20261102T100000.000000-bbbbbb"


def test_every_method_is_described_once() -> None:
    with Store.open(None) as store:
        describe_methods(store, FIRST)
        described = store.rows("SELECT run_id, method, version, origin FROM methods ORDER BY method")
        assert described == sorted((FIRST, method.name, method.version, method.source) for method in METHODS)
        describe_methods(store, SECOND)
        assert store.rows("SELECT run_id, method, version, origin FROM methods ORDER BY method") == described


def test_a_changed_description_takes_the_place_of_the_old_one() -> None:
    with Store.open(None) as store:
        describe_methods(store, FIRST)
        store.connection.execute("UPDATE methods SET origin = 'an older text' WHERE method = 'wanda'")
        describe_methods(store, SECOND)
        assert store.rows(f"SELECT method FROM methods WHERE run_id = '{SECOND}'") == [("wanda",)]
        [(origin,)] = store.rows("SELECT origin FROM current_methods WHERE method = 'wanda'")
        assert origin == METHODS["wanda"].source
