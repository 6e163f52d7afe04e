"""Coverage, genealogy, contradictions, and the checks of readings, on a store with known relations."""

from datetime import datetime

import pandas
import pytest

from analysis.document import Block, Paragraph, Picture, Subheading, Table
from analysis.figures.render import render_png
from analysis.markdown import Page, render_page
from analysis.section import Answers, Section
from analysis.sections import SECTIONS
from analysis.sections.extract.readings import CROSS_CHECKS_SECTION, SHAPE_TRACES, SHAPE_TRACES_SECTION
from analysis.sections.process.contradictions import CONTRADICTIONS_SECTION
from analysis.sections.process.coverage import ALL, COVERAGE_SECTION, FAMILY_COVERAGE, WITH_WEIGHTS
from analysis.sections.process.genealogy import DATES, GENEALOGY_SECTION, KINSHIP, LINEAGE
from store import Store
from tests.analysis.synthetic import fill_families
from tests.analysis.synthetic_architecture import CHILDREN, FIRST_DAY, HUB_FAMILIES, fill_architecture, fill_hub


@pytest.fixture
def families_store(catalog_store: Store) -> Store:
    fill_families(catalog_store)
    return catalog_store


@pytest.fixture
def store(families_store: Store) -> Store:
    fill_architecture(families_store)
    return families_store


def rendered(section: Section, store: Store) -> tuple[Block, ...]:
    return section.render(Answers(store))


def words(blocks: tuple[Block, ...]) -> str:
    return render_page(Page("title", "stamp", (("part", blocks),), ""))


def tables(blocks: tuple[Block, ...]) -> list[Table]:
    return [block for block in blocks if isinstance(block, Table)]


def pictures(blocks: tuple[Block, ...]) -> dict[str, Picture]:
    return {block.name: block for block in blocks if isinstance(block, Picture)}


def test_shares_of_the_largest_families_are_cumulative_sums(store: Store) -> None:
    frame = store.frame(
        "SELECT f.family_id, s.downloads, t.n_parameters, r.model_id IS NOT NULL AS chosen FROM families f "
        "JOIN sightings s USING (source, model_id) LEFT JOIN extractions e USING (source, model_id) "
        "LEFT JOIN extracted_structures t USING (structure_id) "
        "LEFT JOIN representatives r ON f.family_id = r.family_id AND r.has_weights"
    )
    groups = frame.groupby("family_id").agg(
        n=("family_id", "size"), downloads=("downloads", lambda values: values.sum(min_count=1)),
        parameters=("n_parameters", "sum"), chosen=("chosen", "any"),
    )  # fmt: skip
    order = groups.reset_index().sort_values(["n", "downloads", "family_id"], ascending=[False, False, True])
    rows = store.fetch(FAMILY_COVERAGE)
    for name, part in ((ALL, order), (WITH_WEIGHTS, order.query("chosen"))):
        found = [row for row in rows if row.family_set == name]
        assert [row.family_id for row in found] == part["family_id"].tolist()
        for column, total, values in (
            ("share_models", "n", part["n"]),
            ("share_downloads", "downloads", part["downloads"].fillna(0)),
            ("share_parameters", "parameters", part["parameters"]),
        ):
            wanted = values.cumsum() / groups[total].sum()
            # With a first family of unknown downloads the sum so far is unknown, too.
            shares = [getattr(row, column) or 0.0 for row in found]
            assert shares == pytest.approx(wanted.tolist()), (name, column)


def test_long_curves_are_thinned_and_keep_their_end(empty_store: Store) -> None:
    empty_store.connection.execute(
        "INSERT INTO names (run_id, model_id, source, base_name, base_name_simple, evidence) "
        "VALUES ('r', 'm', 's', 'b', 'b', 'name');"
        "INSERT INTO families "
        "SELECT 'r', 'both', 0.85, 'f' || i, 'm' || i, 'hub', true, NULL, 'x', NULL FROM range(333) t(i);"
        "INSERT INTO sightings (run_id, model_id, source, revision) "
        "SELECT 'r', 'm' || i, 'hub', 'v' FROM range(333) t(i)"
    )
    rows = empty_store.fetch(FAMILY_COVERAGE)
    assert [row.k for row in rows] == [*range(1, 201), 225, 250, 275, 300, 325, 333]
    assert (rows[-1].share_models, rows[-1].share_downloads, rows[-1].share_parameters) == (1.0, None, None)


def test_coverage_says_the_share_at_a_similarity_of_85(store: Store) -> None:
    blocks = rendered(COVERAGE_SECTION, store)
    assert "3 representatives stand for 60 % of the models at a similarity of at least 0.85" in words(blocks)
    assert [row[0] for row in tables(blocks)[1].rows] == ["1", "2", "3"]
    assert {"family_coverage", "representative_coverage"} == set(pictures(blocks))


def test_without_choices_coverage_says_so(families_store: Store) -> None:
    assert "No family has a structure to choose a representative from." in words(
        rendered(COVERAGE_SECTION, families_store)
    )


def test_families_appear_with_their_first_dated_model(store: Store) -> None:
    rows = store.fetch(DATES)
    assert [(row.family_id, row.first_model) for row in rows] == [
        (family, f"owner/parent-{place}") for place, family in enumerate(HUB_FAMILIES)
    ]
    assert [row.n_dated for row in rows] == [CHILDREN + 2, CHILDREN + 1, CHILDREN + 1]
    assert rows[0].first_created == FIRST_DAY
    blocks = rendered(GENEALOGY_SECTION, store)
    assert render_png(pictures(blocks)["family_timeline"]).startswith(b"\x89PNG")
    assert "3 families appeared from 2022-03 (family1) to 2023-04, half of them by 2022-09" in words(blocks)
    assert "gives that day to older models: 1 family here" in words(blocks)


def test_without_dates_nothing_is_said_of_time(families_store: Store) -> None:
    blocks = rendered(GENEALOGY_SECTION, families_store)
    assert not pictures(blocks)
    text = words(blocks)
    assert "No source gave a date of creation" in text
    assert "No model declares a base model" in text
    assert "No two families have structures that are similar" in text


def test_relations_count_models_and_say_which_parents_were_not_mined(families_store: Store) -> None:
    fill_hub(families_store)
    rows = {(row.child_family, row.parent_family): row.n_models for row in families_store.fetch(LINEAGE)}
    assert rows == {**{(family, family): CHILDREN for family in HUB_FAMILIES}, ("family1", None): 1}
    text = words(rendered(GENEALOGY_SECTION, families_store))
    mined = CHILDREN * len(HUB_FAMILIES)
    assert f"{mined + 1} models declare a base model; of {mined} the base model was mined, too, 100 % of these" in text
    assert "a model that was not mined" in text


def test_kinship_is_the_most_similar_pair_of_two_families(store: Store) -> None:
    rows = store.fetch(KINSHIP)
    assert [(row.family_a, row.family_b, row.similarity, row.only_a, row.n_pairs) for row in rows] == [
        ("family0", "family1", 0.95, ["only s00"], 2),
        ("family1", "family2", 0.86, ["only s01"], 2),
    ]
    flipped = [(b, a) for a, b in store.rows("SELECT structure_a, structure_b FROM similarities")]
    store.connection.execute(
        "UPDATE similarities SET structure_a = structure_b, structure_b = structure_a, only_a = only_b, only_b = only_a"
    )
    assert sorted(store.rows("SELECT structure_a, structure_b FROM similarities")) == sorted(flipped)
    assert store.fetch(KINSHIP) == rows


def test_contradictions_are_capped_by_kind_and_counted(store: Store) -> None:
    blocks = rendered(CONTRADICTIONS_SECTION, store)
    assert [len(table.rows) for table in tables(blocks)] == [40, 1]
    assert sum(isinstance(block, Subheading) for block in blocks) == 2
    text = words(blocks)
    assert "51 findings." in text
    assert "The first 40 of 50 models." in text
    assert "&lt;b&gt;" in text and "<b>" not in text


def test_without_contradictions_the_section_says_so(families_store: Store) -> None:
    [said] = rendered(CONTRADICTIONS_SECTION, families_store)
    assert isinstance(said, Paragraph)
    assert "contradicts the structure" in str(said.spans)


def test_cross_checks_and_the_reverse_map(store: Store) -> None:
    blocks = rendered(CROSS_CHECKS_SECTION, store)
    checks, mappings = tables(blocks)
    assert [(row[0], row[2], row[4]) for row in checks.rows] == [("agree", "3", "3"), ("prefix", "1", "3")]
    assert [(row[0], row[2]) for row in mappings.rows] == [("same_model", "4")]
    assert "agree on 3 of 4 models (75 %)" in words(blocks)


def test_traces_tell_errors_apart_and_count_shapes(store: Store) -> None:
    rows = store.fetch(SHAPE_TRACES)
    assert [(row.status, row.error, row.n_structures) for row in rows] == [
        ("traced", "none named", 1),
        ("failed", "DataDependentOutputException", 1),
        ("failed", "ValueError", 1),
        ("failed", "none named", 1),
    ]
    [traced] = [row for row in rows if row.status == "traced"]
    [(modules,)] = store.rows("SELECT count(*) FROM extracted_modules WHERE structure_id = 's00'")
    assert (traced.n_with_shapes, traced.n_modules) == (1, modules)
    text = words(rendered(SHAPE_TRACES_SECTION, store))
    assert "The forward came to its end on 1 of 4 structures (25 %)" in text
    assert "expected &#124; &lt;b&gt;" in text


def test_every_section_of_architecture_draws(store: Store) -> None:
    for name in ("coverage", "architecture-map", "genealogy", "cross-checks", "shape-traces"):
        section = SECTIONS[name]
        assert section.report in ("reports/extract", "reports/process")
        for picture in pictures(rendered(section, store)).values():
            assert render_png(picture).startswith(b"\x89PNG")
            frame = pandas.DataFrame(picture.rows)
            assert len(frame) and picture.alt and picture.caption


def test_a_date_before_the_hub_kept_dates_is_no_date(families_store: Store) -> None:
    fill_hub(families_store)
    families_store.connection.execute("UPDATE sightings SET created_at = $day", {"day": datetime(2024, 5, 6)})
    text = words(rendered(GENEALOGY_SECTION, families_store))
    assert "older models" not in text
    assert "appeared from 2024-05" in text
