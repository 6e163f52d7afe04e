"""Pages about models and methods, the Pareto front and head heatmaps against the synthetic formulas."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from analysis.comparison import damage_rows
from analysis.document import Block, Link, Paragraph, Picture, Table
from analysis.figures.render import render_png
from analysis.pages import PAGES
from analysis.pages.models import MOST_PICTURES
from analysis.paths import method_page, model_page
from analysis.section import Answers, SubjectPage
from analysis.sections import SECTIONS
from analysis.sections.prune.pareto import pareto_points
from store import Store
from tests.analysis.synthetic import METHODS, RATIOS, REFERENCES, damage_of, fill_all
from tests.analysis.synthetic_analyses import HEADS, LAYERS
from tests.analysis.synthetic_pages import fill_pages, head_distance, head_importance
from tests.analysis.test_comparison import damage_row

LONGEST = 300


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    with Store.open(None) as store:
        fill_all(store)
        fill_pages(store)
        yield Answers(store)


def pages(answers: Answers, name: str) -> dict[str, SubjectPage]:
    return {page.path: page for page in PAGES[name].pages(answers)}


def part(page: SubjectPage, title: str) -> tuple[Block, ...]:
    [found] = [blocks for heading, blocks in page.parts if heading == title]
    return found


def table(blocks: tuple[Block, ...]) -> Table:
    [found] = [block for block in blocks if isinstance(block, Table)]
    return found


def test_every_measured_model_has_a_page_and_every_method(answers: Answers) -> None:
    assert {*pages(answers, "models")} == {model_page("reference", model) for model in REFERENCES}
    assert {*pages(answers, "methods")} == {method_page(method) for method in METHODS}


def test_links_of_the_pages_lead_to_pages(answers: Answers) -> None:
    everything = {**pages(answers, "models"), **pages(answers, "methods")}
    blocks = [block for page in everything.values() for _, own in page.parts for block in own]
    spans = [span for block in blocks if isinstance(block, Paragraph) for span in block.spans]
    spans += [cell for block in blocks if isinstance(block, Table) for row in block.rows for cell in row]
    targets = {span.target for span in spans if isinstance(span, Link)}
    assert {f"{path}.md" for path in everything} <= targets
    assert targets - {f"{path}.md" for path in everything} == {"reports/redundancy.md", "reports/prune.md"}


def test_a_model_can_lose_what_the_formula_allows(answers: Answers) -> None:
    page = pages(answers, "models")[model_page("reference", "ref-llama")]
    rows = {row[0]: row for row in table(part(page, "What it can lose")).rows}
    for scope in ("weight", "layer", "neuron"):
        for column, bound in ((1, 1.1), (5, 1.5)):
            within = [
                ratio
                for ratio in RATIOS
                if any(damage_of(method, ratio) <= bound for method, of in METHODS.items() if of == scope)
            ]
            assert rows[scope][column] == (f"{100 * max(within):.0f} %" if within else "none of the ratios")


def test_texts_stand_beside_the_dense_ones_from_the_least_to_the_greatest_damage(answers: Answers) -> None:
    page = pages(answers, "models")[model_page("reference", REFERENCES[0])]
    rows = table(part(page, "Generated text")).rows
    assert [(row[0], row[1], row[2]) for row in rows] == [
        *(("a dog", "(nothing)", scope) for scope in ("layer", "neuron", "weight")),
        *(("the cat", "sees the dense | dog", scope) for scope in ("layer", "neuron", "weight")),
    ]
    assert rows[5][3:] == (
        "magnitude, 50 %: 2.12 x", "sees the magnitude | dog", "random, 50 %: 20.09 x", "sees the random | dog",
    )  # fmt: skip
    assert rows[0][4] == "not recorded"


def test_failures_stand_on_the_pages_of_their_model_and_method(answers: Answers) -> None:
    for name, path in (("models", model_page("reference", "ref-opt")), ("methods", method_page("mlp-maxmin"))):
        [row] = table(part(pages(answers, name)[path], "Experiments without numbers")).rows
        assert row[0] == "ref-opt" and "0.1 % of 8 neurons is none" in row
    assert not any(
        isinstance(block, Table)
        for block in part(pages(answers, "models")[model_page("reference", "ref-bloom")], "Experiments without numbers")
    )


def test_a_method_says_its_source_where_the_store_does(answers: Answers) -> None:
    found = pages(answers, "methods")
    sources = {
        method: dict(table(part(found[method_page(method)], "What it is")).rows)["Source"]  # pyright: ignore
        for method in METHODS
    }
    missing = {"depth-last": "not recorded by the runs in this store"}
    assert sources == {method: f"paper of {method}" for method in METHODS} | missing


def test_own_pictures_end_before_they_are_too_many(answers: Answers) -> None:
    drawn = [
        block
        for page in pages(answers, "models").values()
        for _, blocks in page.parts
        for block in blocks
        if isinstance(block, Picture)
    ]
    assert len(drawn) == min(len(REFERENCES), MOST_PICTURES)
    assert render_png(drawn[0]).startswith(b"\x89PNG")


def test_the_front_falls_and_leaves_out_what_the_dense_model_betters(answers: Answers) -> None:
    points = pareto_points(damage_rows(answers))
    assert {point.cost for point in points} == {"parameters", "bytes on disk", "latency"}
    for cost in {point.cost for point in points}:
        mine = [point for point in points if point.cost == cost]
        front = sorted((point for point in mine if point.front), key=lambda point: point.front or 0)
        assert [point.front for point in front] == [*range(1, len(front) + 1)]
        for point in mine:
            rivals = [(other.left, other.damage) for other in mine if other is not point] + [(1.0, 1.0)]
            beaten = any(
                left <= point.left and damage <= point.damage and (left, damage) != (point.left, point.damage)
                for left, damage in rivals
            )
            assert (point.front is None) == beaten
        assert all(one.left < other.left and one.damage > other.damage for one, other in pairwise(front))


def test_a_method_of_few_models_is_no_rival() -> None:
    common = [damage_row("a", damage=2.0, model_id=model) for model in "xyz"]
    [point] = [
        point
        for point in pareto_points([*common, damage_row("b", damage=1.1, model_id="x")])
        if point.cost == "parameters"
    ]
    assert (point.method, point.n_models, point.damage) == ("a", 3, 2.0)


def test_head_heatmaps_say_what_their_cells_hold(answers: Answers) -> None:
    importance, distance, _ = [block for block in SECTIONS["heads"].render(answers) if isinstance(block, Picture)]
    assert {(cell.row, cell.column): cell.value for cell in importance.rows} == {
        (layer, head): head_importance(layer, head) for layer in range(LAYERS) for head in range(HEADS)
    }
    values = sorted((cell.value for cell in importance.rows), reverse=True)
    few = next(n for n in range(1, len(values)) if sum(values[:n]) >= sum(values) / 2)
    assert f"in {few} of {LAYERS * HEADS} heads" in importance.alt
    doubles = sum(head_distance(layer, head) < 0.05 for layer in range(LAYERS) for head in range(HEADS))
    assert f"{doubles} of {LAYERS * HEADS} heads" in distance.alt


def test_no_sentence_is_so_long_that_the_writer_cuts_it(answers: Answers) -> None:
    blocks = [
        block
        for section in SECTIONS
        if section.report in ("reports/prune", "reports/redundancy") and answers[section.queries[0]]
        for block in section.render(answers)
    ]
    blocks += [
        block for page_set in PAGES for page in page_set.pages(answers) for _, part in page.parts for block in part
    ]
    texts = [text for block in blocks if isinstance(block, Picture) for text in (block.alt, block.caption)]
    texts += [span for block in blocks if isinstance(block, Paragraph) for span in block.spans if isinstance(span, str)]
    assert [text for text in texts if len(text) > LONGEST] == []
