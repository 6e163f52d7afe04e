"""What the index says of earlier runs: what changed, how the store grew, and what a new model changes in the report."""

from dataclasses import astuple
from typing import Any

import pytest

from analysis.build import build_report
from analysis.document import Paragraph, Picture, Statistics, Table
from analysis.exports import EXPORTS
from analysis.pages import PAGES
from analysis.section import Answers, PageSet, Section
from analysis.sections import SECTIONS
from analysis.sections.index.changes import CHANGES, GROWTH, GrowthRow, has_grown
from pipeline.progress import PlainProgress
from store import Store
from store.records import ListingPageRecord, SightingRecord
from tests.analysis.conftest import Built
from tests.analysis.synthetic import EXTRACT_RUN, PROCESS_RUN, PRUNE_RUN, fill_all
from tests.analysis.synthetic_index import (
    LATER_EXTRACT,
    LATER_PROCESS,
    LATER_PRUNE,
    NEW_MODEL,
    find_new_model,
    group_again,
    measure_again,
    see_again,
)

KINDS = (
    "new models",
    "models gone",
    "new structures",
    "new families",
    "families gone",
    "models moved to another family",
    "new experiments",
    "experiments with another result",
)
FIRST_PAGE, LATER_PAGE = "20261101T080000.000000-111111", "20261108T080000.000000-222222"


@pytest.fixture
def filled(empty_store: Store) -> Store:
    fill_all(empty_store)
    return empty_store


def changes_of(store: Store) -> dict[str, tuple[str | None, int, list[str]]]:
    return {row.kind: (row.run_id, row.n_changes, row.subjects) for row in store.fetch(CHANGES)}


def rendered(store: Store, name: str, kind: type[Any]) -> list[Any]:
    [section] = [section for section in SECTIONS if section.name == name]
    return [block for block in section.render(Answers(store)) if isinstance(block, kind)]


def test_a_first_run_has_nothing_to_compare_with(filled: Store) -> None:
    assert changes_of(filled) == dict.fromkeys(KINDS, (None, 0, []))
    [said] = rendered(filled, "changes", Paragraph)
    assert said.spans == ("First run: there is none before it to compare with.",)


def test_seeing_and_grouping_the_same_again_is_no_news(filled: Store) -> None:
    before = filled.fetch(CHANGES), filled.fetch(GROWTH)
    see_again(filled)
    group_again(filled)
    assert (filled.fetch(CHANGES), filled.fetch(GROWTH)) == before


def test_news_stay_until_there_are_others(filled: Store) -> None:
    see_again(filled)
    find_new_model(filled)
    before = changes_of(filled)
    see_again(filled, "20261115T080000.000000-dddddd", without="")
    filled.insert([SightingRecord("20261115T080000.000000-dddddd", NEW_MODEL, "builtin", "5.23.0")])
    assert changes_of(filled) == before
    assert before["new models"] == (LATER_EXTRACT, 1, [NEW_MODEL])


def test_new_gone_and_moved_are_told_apart_from_renamed(filled: Store) -> None:
    see_again(filled, without="type_07")
    find_new_model(filled)
    group_again(filled, new_family="brand-new", moved=("type_04", "family3"))
    measure_again(filled)
    assert changes_of(filled) == {
        "new models": (LATER_EXTRACT, 1, [NEW_MODEL]),
        "models gone": (LATER_EXTRACT, 1, ["type_07"]),
        "new structures": (LATER_EXTRACT, 1, [NEW_MODEL]),
        "new families": (LATER_PROCESS, 1, ["brand-new"]),
        "families gone": (LATER_PROCESS, 0, []),
        "models moved to another family": (LATER_PROCESS, 1, ["type_04"]),
        "new experiments": (LATER_PRUNE, 1, ["wanda"]),
        "experiments with another result": (LATER_PRUNE, 1, ["random"]),
    }
    [table] = rendered(filled, "changes", Table)
    assert [row[0] for row in table.rows] == [kind for kind in KINDS if kind != "families gone"]


def test_a_family_whose_members_went_elsewhere_is_gone(filled: Store) -> None:
    group_again(filled, moved=("ref-opt", "ref-llama"))
    found = changes_of(filled)
    assert found["families gone"] == (LATER_PROCESS, 1, ["ref-opt"])
    assert found["models moved to another family"] == (LATER_PROCESS, 1, ["ref-opt"])
    assert found["new families"] == (LATER_PROCESS, 0, [])


@pytest.mark.parametrize(("cursor", "gone"), [("next=3", 0), (None, 1)])
def test_a_listing_that_was_cut_short_loses_nobody(cursor: str | None, gone: int, filled: Store) -> None:
    filled.insert(
        [SightingRecord(FIRST_PAGE, name, "hub", "sha") for name in ("a/one", "a/two")],
        [ListingPageRecord(FIRST_PAGE, FIRST_PAGE, "key", "hub", "task=x", 1, None, 2, 0)],
    )
    filled.insert(
        [SightingRecord(LATER_PAGE, "a/one", "hub", "sha")],
        [ListingPageRecord(LATER_PAGE, LATER_PAGE, "key", "hub", "task=x", 1, cursor, 1, 0)],
    )
    assert changes_of(filled)["models gone"][1:] == (gone, ["a/two"] if gone else [])


def test_another_choice_of_models_loses_nobody(filled: Store) -> None:
    for run, key, name in ((FIRST_PAGE, "all", "a/one"), (LATER_PAGE, "few", "a/two")):
        filled.insert(
            [SightingRecord(run, name, "hub", "sha")],
            [ListingPageRecord(run, run, key, "hub", "task=x", 1, None, 1, 0)],
        )
    assert changes_of(filled)["models gone"][1:] == (0, [])
    assert changes_of(filled)["new models"][1:] == (1, ["a/two"])


def test_growth_counts_what_the_store_held_after_each_run(filled: Store) -> None:
    see_again(filled)
    find_new_model(filled)
    group_again(filled, new_family="brand-new")
    measure_again(filled)
    rows = filled.fetch(GROWTH)
    assert [row.run_id for row in rows] == [EXTRACT_RUN, PROCESS_RUN, PRUNE_RUN, LATER_EXTRACT, LATER_PROCESS]
    for row in rows:
        assert astuple(row) == (row.run_id, *_held(filled, row.run_id))
    assert has_grown(rows) and not has_grown(rows[:3])
    [picture] = rendered(filled, "growth", Picture)
    assert picture.rows == rows


def _held(store: Store, run_id: str) -> tuple[int, int, int | None, int]:
    """Return the counts of growth by asking for one run at a time."""
    wanted = (
        "SELECT count(DISTINCT (source, model_id)) FROM sightings WHERE run_id <= $run",
        "SELECT count(*) FROM extracted_structures WHERE run_id <= $run",
        "SELECT count(DISTINCT family_id) FROM families GROUP BY run_id HAVING run_id <= $run ORDER BY run_id DESC",
        "SELECT count(DISTINCT experiment_key) FROM experiments WHERE status = 'done' AND run_id <= $run",
    )
    found = [store.rows(sql, {"run": run_id}) for sql in wanted]
    models, structures, families, experiments = ([value for (value,) in rows] for rows in found)
    return models[0], structures[0], (families or [None])[0], experiments[0]


def test_growth_needs_two_different_counts() -> None:
    first = GrowthRow("a", 3, 2, None, 0)
    assert not has_grown([first, GrowthRow("b", 3, 2, 1, 0), GrowthRow("c", 3, 2, 1, 9)])
    assert has_grown([first, GrowthRow("b", 4, 2, None, 0)])


def test_a_new_model_changes_only_what_it_must(full: Built, filled: Store) -> None:
    old = full.files
    see_again(filled)
    find_new_model(filled)
    group_again(filled, new_family="brand-new")
    files = build_report(Answers(filled), PlainProgress())
    before, after = Answers(full.store), Answers(filled)
    moved = {query.path.stem for section in SECTIONS for query in section.queries if before[query] != after[query]}
    touched = {section.name for section in SECTIONS if moved & {query.path.stem for query in section.queries}}
    assert touched.isdisjoint({"damage", "ablation", "ranks", "proxies", "sanity", "leaderboard"})
    may_change = {"README.md", "csv_data/index_numbers.csv", "reports/analyze.md"}
    for section in SECTIONS:
        if section.name in touched:
            may_change.add(f"{section.report}.md")
            may_change |= _files_of(section, after) | _files_of(section, before)
    for page_set in PAGES:
        if moved & {query.path.stem for query in page_set.queries}:
            may_change |= {path for answers in (before, after) for path in _files_of_pages(page_set, answers)}
    for export in EXPORTS:
        if moved & {query.path.stem for query in export.queries}:
            may_change |= {*export.files(after)}
    changed = {path for path in {*files, *old} if files.get(path) != old.get(path)}
    assert changed <= may_change
    assert {"README.md", "reports/extract.md", "images/growth.png"} <= changed
    assert not [
        path
        for path in changed
        if path.startswith(("reports/models/", "reports/methods/", "exports/leaderboard", "exports/cards/"))
    ]
    assert changed.isdisjoint({"reports/prune.md", "reports/redundancy.md", "images/damage_curves.png"})
    _assert_lines(old["README.md"].decode(), files["README.md"].decode(), moved)


def _files_of(section: Section, answers: Answers) -> set[str]:
    blocks = section.render(answers) if answers[section.queries[0]] else ()
    pictures = {path for block in blocks if isinstance(block, Picture) for path in _picture_files(block)}
    return pictures | {f"statistics_txt/{block.name}.txt" for block in blocks if isinstance(block, Statistics)}


def _files_of_pages(page_set: PageSet, answers: Answers) -> set[str]:
    pages = page_set.pages(answers)
    blocks = [block for page in pages for _, part in page.parts for block in part if isinstance(block, Picture)]
    return {f"{page.path}.md" for page in pages} | {path for block in blocks for path in _picture_files(block)}


def _picture_files(picture: Picture) -> tuple[str, str]:
    return f"images/{picture.name}.png", f"csv_data/{picture.name}.csv"


def _assert_lines(before: str, after: str, moved: set[str]) -> None:
    """Check that the index's new lines are counts of changed queries, what changed, growth and the stamp."""
    heading, old = "", {*before.split("\n")}
    for line in after.split("\n"):
        heading = line if line.startswith("## ") else heading
        if line in old or not line:
            continue
        if heading == "## Headlines":
            assert any(name.replace("_", "\\_") in line for name in moved), line
        else:
            assert heading in ("", "## What changed since the last run", "## Families", "## Growth over runs"), line
