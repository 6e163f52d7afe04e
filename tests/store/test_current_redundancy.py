"""The view `current_redundancy`: which of the numbers of several runs, revisions and settings count."""

from collections.abc import Iterator

import pytest

from store import Store
from store.records import AnalysisRecord, AnalysisStatus, RedundancyRecord, SourceName

RUNS = tuple(f"2026110{day}T000000.000000-aaaaaa" for day in range(1, 4))


def outcome(
    store: Store, run: int, status: AnalysisStatus, options: str = "{}", key: str = "k", source: SourceName = "hub"
) -> None:
    store.insert([
        AnalysisRecord(
            RUNS[run], key, source, "m", "1", "rank", 1, None, "{}", options, 0, "cpu", status, None, None, 1, 1.0,
            None,
        )
    ])  # fmt: skip


def number(store: Store, run: int, component: str, value: float, key: str = "k") -> None:
    store.insert([
        RedundancyRecord(
            RUNS[run], "m", "1", "rank", 1, component, value, "1", 0, analysis_key=key, measure="stable_rank"
        )
    ])  # fmt: skip


def current(store: Store) -> list[tuple[str, str, float]]:
    return store.rows("SELECT source, component, value FROM current_redundancy ORDER BY ALL")


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None) as opened:
        yield opened


@pytest.mark.parametrize("status", ["refused", "failed"])
def test_a_later_choice_that_fails_takes_nothing_away(status: AnalysisStatus, store: Store) -> None:
    outcome(store, 0, "done")
    number(store, 0, "a", 1.0)
    outcome(store, 1, status, options='{"targets":["nothing"]}')
    assert current(store) == [("hub", "a", 1.0)]


def test_a_partial_run_and_the_one_that_goes_on_count_together(store: Store) -> None:
    outcome(store, 0, "partial")
    number(store, 0, "a", 1.0)
    outcome(store, 1, "done")
    number(store, 1, "b", 2.0)
    assert current(store) == [("hub", "a", 1.0), ("hub", "b", 2.0)]


def test_of_a_component_that_was_measured_twice_the_newest_number_counts(store: Store) -> None:
    for run in (1, 0):
        outcome(store, run, "done")
        number(store, run, "a", float(run))
    assert current(store) == [("hub", "a", 1.0)]


def test_other_settings_or_another_revision_replace_the_form_before(store: Store) -> None:
    outcome(store, 0, "done")
    number(store, 0, "a", 1.0)
    outcome(store, 1, "partial", key="other")
    number(store, 1, "b", 2.0, key="other")
    assert current(store) == [("hub", "b", 2.0)]
    outcome(store, 2, "failed", key="third")
    assert current(store) == [("hub", "b", 2.0)]


def test_models_of_one_name_from_two_sources_keep_their_numbers(store: Store) -> None:
    sources: tuple[SourceName, ...] = ("directory", "hub")
    for value, source in enumerate(sources):
        outcome(store, value, "done", key=source, source=source)
        number(store, value, "a", float(value), key=source)
    assert current(store) == [("directory", "a", 0.0), ("hub", "a", 1.0)]
