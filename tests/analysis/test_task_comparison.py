"""Tasks compared: against scipy, numpy and plain loops over unfolded modules."""

from collections import Counter, defaultdict
from itertools import pairwise
from statistics import fmean, median_low

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy

from analysis.document import Picture
from analysis.figures.render import render_png
from analysis.pages.tasks import TASK_MODELS, task_pages
from analysis.section import Answers
from analysis.sections.extract.architecture import KINDS, TASKS, kind_shares
from analysis.sections.extract.statistics import BLOCKS
from analysis.sections.extract.task_comparison import COMPARISON_SECTION, boxed, boxes_picture
from analysis.sections.extract.task_profiles import (
    LEVELS,
    MOST_TASKS,
    entropy,
    level_shares,
    similar_beside,
    similarity_of,
    task_profiles,
    task_similarities,
)
from analysis.sections.extract.task_table import PAGED_TASKS
from store import Store
from store.records import ExtractionRecord, SightingRecord
from tests.analysis.conftest import Built
from tests.analysis.synthetic import EXTRACT_RUN
from tests.analysis.synthetic_tasks import kind_row, task_row

COUNTS = st.lists(st.integers(0, 10**6), min_size=5, max_size=5).filter(any)


def distribution(values: list[int]) -> dict[str, float]:
    return {f"kind{index}": value / sum(values) for index, value in enumerate(values) if value}


@given(COUNTS, COUNTS)
def test_similarity_is_one_minus_the_divergence_of_scipy(one: list[int], other: list[int]) -> None:
    wanted = 1 - jensenshannon(one, other, base=2) ** 2
    found = similarity_of(distribution(one), distribution(other))
    assert found == pytest.approx(wanted, abs=1e-6)
    assert found == similarity_of(distribution(other), distribution(one))


@given(COUNTS)
def test_entropy_is_that_of_scipy(values: list[int]) -> None:
    assert entropy(distribution(values)) == pytest.approx(scipy_entropy(values, base=2), abs=1e-9)


def test_similarity_ends() -> None:
    assert similarity_of({"a": 0.25, "b": 0.75}, {"a": 0.25, "b": 0.75}) == 1.0
    assert similarity_of({"a": 1.0}, {"b": 1.0}) == 0.0


def unfolded(store: Store) -> dict[str, list[tuple[int, str]]]:
    """Return (depth, kind) of every module of each structure, repeated runs written out."""
    rows = store.rows("SELECT structure_id, path, parent, depth, kind, repeats FROM modules")
    at = {(structure, path): (parent, repeats) for structure, path, parent, _, _, repeats in rows}
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for structure, path, _, depth, kind, _ in rows:
        copies, here = 1, path
        while here is not None:
            here, repeats = at[structure, here]
            copies *= repeats
        found[structure] += [(depth, kind)] * copies
    return found


def structures_by_task(store: Store) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for task, structure in store.rows(
        "SELECT coalesce(s.task, 'not stated'), e.structure_id FROM sightings s JOIN extractions e USING (model_id) "
        "WHERE e.status = 'extracted'"
    ):
        found[task].append(structure)
    return found


def test_shares_and_quartiles_of_kinds_are_those_of_a_loop(full: Built) -> None:
    modules = unfolded(full.store)
    for task, structures in structures_by_task(full.store).items():
        counts = [
            Counter(kind for _, kind in modules[structure] if kind not in ("container", "module"))
            for structure in structures
        ]
        rows = {row.kind: row for row in full.store.fetch(KINDS) if row.task == task}
        assert set(rows) == {kind for count in counts for kind in count}
        for kind, row in rows.items():
            having = [count[kind] for count in counts if kind in count]
            assert row.mean_share == pytest.approx(fmean(count[kind] / count.total() for count in counts))
            found = (row.fewest, row.lower_quartile, row.median_modules, row.upper_quartile, row.most)
            assert found == pytest.approx(tuple(numpy.quantile(having, (0, 0.25, 0.5, 0.75, 1))))
        assert sum(row.mean_share for row in rows.values()) == pytest.approx(1.0)


def test_profiles_are_those_of_a_loop(full: Built) -> None:
    modules, tasks = unfolded(full.store), structures_by_task(full.store)
    layers = dict(full.store.rows("SELECT structure_id, n_layers FROM extracted_structures"))
    profiles = Answers(full.store).derive(task_profiles)
    assert set(profiles) == set(tasks)
    for task, profile in profiles.items():
        depths = [depth for structure in tasks[task] for depth, _ in modules[structure]]
        assert profile.mean_nesting == pytest.approx(fmean(depths))
        assert profile.median_nesting == median_low(depths)
        assert profile.mean_layers == pytest.approx(fmean(layers[structure] for structure in tasks[task]))
        assert profile.effective_kinds == pytest.approx(2**profile.entropy_bits)
        assert 1 <= profile.effective_kinds <= profile.n_kinds


def test_shares_of_levels_add_up_to_one(full: Built) -> None:
    answers = Answers(full.store)
    shares = level_shares(answers[LEVELS], list(answers.derive(task_profiles).values()))
    totals: dict[str, float] = defaultdict(float)
    for share in shares:
        totals[share.task] += share.share
    assert totals == {row.task: pytest.approx(1.0) for row in answers[TASKS]}


def test_tasks_with_few_models_are_not_compared() -> None:
    tasks = [*(task_row(f"t{index:02}", 9) for index in range(MOST_TASKS + 5)), task_row("small", 2)]
    rows = [kind_row(task.task, f"kind{place % 3}", 1, 1, 1.0) for place, task in enumerate(tasks)]
    pairs = task_similarities(rows, tasks)
    assert len(pairs) == MOST_TASKS**2
    assert {pair.similarity for pair in pairs} == {0.0, 1.0}
    order = similar_beside(pairs)
    assert sorted(order) == [f"t{index:02}" for index in range(MOST_TASKS)]
    groups = [int(name[1:]) % 3 for name in order]
    assert sum(a != b for a, b in pairwise(groups)) == 2
    assert task_similarities(rows, [task_row("small", 2)]) == []


def test_boxes_are_of_the_kinds_with_most_modules(full: Built) -> None:
    rows = Answers(full.store)[KINDS]
    shown = boxed(rows, "fill-mask")
    assert [row.n_modules for row in shown] == sorted((row.n_modules for row in shown), reverse=True)
    assert {row.task for row in shown} == {"fill-mask"}


def test_odd_names_and_single_boxes_are_drawn() -> None:
    rows = [kind_row("$x_1$ \\frac{", "模型\n<b>", 1, 1), kind_row("b" * 99, "_", 3, 9)]
    assert render_png(boxes_picture("boxes", rows, "title")).startswith(b"\x89PNG")


def test_a_single_task_is_told_without_a_comparison(empty_store: Store) -> None:
    fill_tasks(empty_store, ["only"])
    pictures = [block.name for block in COMPARISON_SECTION.render(Answers(empty_store)) if isinstance(block, Picture)]
    assert pictures == ["task_profiles", "hierarchy_by_task"]


def test_only_the_tasks_with_most_models_have_a_page(empty_store: Store) -> None:
    names = [f"task {index:02}" for index in range(PAGED_TASKS + 4)]
    fill_tasks(empty_store, names)
    empty_store.insert([_seen("another", names[-1])], [_extracted("another")])
    pages = task_pages(Answers(empty_store))
    assert len({page.path for page in pages}) == PAGED_TASKS
    assert [page.title for page in pages[:2]] == [f"Task: {names[-1]}", f"Task: {names[0]}"]


def test_pages_link_from_the_table_and_say_what_the_table_says(full: Built) -> None:
    table = full.text("reports/extract.md").split("## Tasks\n")[1].split("## ")[0]
    for row in full.store.fetch(TASKS):
        [line] = [line for line in table.split("\n") if line.startswith(f"| [{row.task}](")]
        path = line.split("](../")[1].split(")")[0]
        assert f"| Models with a structure | {row.n_models} |" in full.text(path)
    assert len([path for path in full.files if path.startswith("reports/tasks/")]) == len(full.store.fetch(TASKS))


def test_the_largest_and_the_most_downloaded_models_of_a_task(full: Built) -> None:
    frame = full.store.frame(
        "SELECT coalesce(s.task, 'not stated') AS task, s.model_id, s.downloads, t.n_parameters FROM sightings s "
        "JOIN extractions e USING (model_id) JOIN extracted_structures t USING (structure_id)"
    )
    rows = full.store.fetch(TASK_MODELS)
    for task, part in frame.groupby("task"):
        largest = part.sort_values(["n_parameters", "model_id"], ascending=[False, True]).head(10)
        found = sorted((row for row in rows if row.task == task and row.size_rank <= 10), key=lambda row: row.size_rank)
        assert [row.n_parameters for row in found] == largest["n_parameters"].tolist()
        popular = part.dropna(subset=["downloads"]).sort_values("downloads", ascending=False).head(10)
        ranked = [row for row in rows if row.task == task and row.download_rank and row.download_rank <= 10]
        assert {row.model_id for row in ranked} == set(popular["model_id"])


def test_shares_by_task_are_of_the_kinds_that_are_drawn(full: Built) -> None:
    answers = Answers(full.store)
    cells = kind_shares(answers[KINDS], answers[TASKS])
    wanted = {(row.kind, row.task): row.mean_share for row in answers[KINDS]}
    assert {(cell.kind, cell.task): cell.mean_share for cell in cells} == wanted
    assert full.text("csv_data/common_blocks.csv").count("\n") == min(20, len(answers[BLOCKS])) + 1


def fill_tasks(store: Store, tasks: list[str]) -> None:
    """Insert a model a task, all of one structure."""
    store.connection.execute(
        "INSERT INTO extracted_structures VALUES ('run', 's', 'config', 2, 10, 0, 64, 1);"
        "INSERT INTO extracted_modules VALUES ('s', 0, 'a', NULL, 1, 'a', 'Linear', 'Linear', 10, '{}', 1)"
    )
    models = [f"m{index}" for index in range(len(tasks))]
    seen = [_seen(model, task) for model, task in zip(models, tasks, strict=True)]
    store.insert(seen, [_extracted(model) for model in models])


def _seen(model: str, task: str) -> SightingRecord:
    return SightingRecord(EXTRACT_RUN, model, "builtin", "1", task)


def _extracted(model: str) -> ExtractionRecord:
    return ExtractionRecord(
        EXTRACT_RUN, model, "builtin", "1", "extracted", None, "meta-device", None, 0.1, structure_id="s"
    )
