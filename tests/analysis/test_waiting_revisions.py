"""Models whose newest revision waits for a later run: a shard of a scheduled run may stop before it read them."""

from collections.abc import Callable

import pytest

from analysis.document import Picture
from analysis.section import Answers
from analysis.sections.extract.sizes import SIZES_SECTION
from pictures.style import OTHER
from store import Store
from store.records import SightingRecord

LATER = "20261102T080000.000000-cccccc"


@pytest.mark.parametrize("is_hit", [lambda task: task == "fill-mask", lambda _: True], ids=["one task", "all tasks"])
def test_structures_of_a_task_without_a_newer_one_are_drawn_among_the_others(
    catalog_store: Store, is_hit: Callable[[str | None], bool]
) -> None:
    before = len(sizes(catalog_store)[0].rows)
    seen = catalog_store.rows("SELECT model_id, source, task FROM sightings ORDER BY ALL")
    newer = [SightingRecord(LATER, name, source, "next", task) for name, source, task in seen if is_hit(task)]
    catalog_store.insert(newer)
    scatter, nesting = sizes(catalog_store)
    assert len(scatter.rows) == sum(row.n_structures for row in nesting.rows) == before
    for picture in (scatter, nesting):
        tasks = {row.task for row in picture.rows}
        assert OTHER in tasks
        assert not any(is_hit(task) for task in tasks if task != OTHER)


def sizes(store: Store) -> list[Picture]:
    return [block for block in SIZES_SECTION.render(Answers(store)) if isinstance(block, Picture)]
