"""The whole report: golden index, partial stores, links, tables, sentences.

`ARBORIST_UPDATE_GOLDEN=1 pytest tests/analysis/test_report.py` writes the golden file anew.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from analysis.build import TITLES, build_report, stamp_of
from analysis.cited import NUMBERS_FILE
from analysis.document import Bullets, Paragraph, Picture
from analysis.markdown import LONGEST_TEXT
from analysis.relations import DERIVED
from analysis.section import Answers
from analysis.sections import SECTIONS
from pipeline.progress import PlainProgress
from store import Store
from store.records import CheckRecord, ExtractionRecord, SightingRecord
from tests.analysis.conftest import Built
from tests.analysis.synthetic import (
    EXTRACT_RUN,
    METHODS,
    PRUNE_RUN,
    REFERENCES,
    damage_of,
    fill_all,
    fill_catalog,
    fill_families,
)

GOLDEN = Path(__file__).parent / "golden" / "README.md"
PAGES = tuple(f"{report}.md" for report in TITLES)
PARSER = MarkdownIt("commonmark").enable("table")


def test_the_index_is_the_golden_one(full: Built) -> None:
    if os.environ.get("ARBORIST_UPDATE_GOLDEN"):
        GOLDEN.write_bytes(full.files["README.md"])
    assert full.text("README.md") == GOLDEN.read_text(encoding="utf-8")


def test_every_picture_has_its_numbers(full: Built) -> None:
    pictures = {Path(path).stem for path in full.files if path.startswith("images/")}
    assert len(pictures) >= 8
    tables = {Path(path).stem for path in full.files if path.startswith("csv_data/")}
    assert tables == {*pictures, *DERIVED.names(), Path(NUMBERS_FILE).stem}
    for name in pictures:
        assert full.text(f"csv_data/{name}.csv").count("\n") > 1


def test_a_failed_check_is_said_at_the_top_of_every_page(full: Built) -> None:
    with Store.open(None) as store:
        fill_all(store)
        failed = CheckRecord(PRUNE_RUN, "ref-opt-random-0.5", "reference", "ref-opt", "sparsity", "failed", "counted 3")
        store.insert([failed])
        files = build_report(Answers(store), PlainProgress())
    for page in PAGES:
        assert "SANITY CHECK FAILED" not in full.text(page)
        assert "SANITY CHECK FAILED: sparsity (1 experiment)" in files[page].decode().split("## ")[0]
    assert "counted 3" in files["reports/prune.md"].decode()


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_to_files_of_the_report(page: str, full: Built) -> None:
    targets = [
        str(child.attrs.get("href") or child.attrs["src"])
        for token in PARSER.parse(full.text(page))
        for child in token.children or []
        if child.type in ("link_open", "image")
    ]
    assert targets
    for target in targets:
        path, _, anchor = target.partition("#")
        path = os.path.normpath(Path(page).parent / path) if path else page
        assert path in full.files
        assert anchor in {"", *anchors_of(full.text(path) if anchor else "")}


def anchors_of(page: str) -> set[str]:
    """Return what GitHub makes of the headings of a page."""
    headings = (line.lstrip("# ").lower() for line in page.split("\n") if line.startswith("#"))
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}


def test_no_sentence_is_longer_than_the_writer_lets_through(full: Built) -> None:
    answers = Answers(full.store)
    blocks = [block for section in SECTIONS if answers[section.queries[0]] for block in section.render(answers)]
    paragraphs = [span for block in blocks if isinstance(block, Paragraph) for span in block.spans]
    bullets = [span for block in blocks if isinstance(block, Bullets) for item in block.items for span in item]
    spoken = [text for block in blocks if isinstance(block, Picture) for text in (block.alt, block.caption)]
    texts = [span for span in (*paragraphs, *bullets, *spoken) if isinstance(span, str)]
    assert len(texts) > 50
    assert [text for text in texts if len(text) > LONGEST_TEXT] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_table_row_has_as_many_cells_as_its_head(page: str, full: Built) -> None:
    width, cells = 0, 0
    for token in PARSER.parse(full.text(page)):
        if token.type == "tr_open":
            cells = 0
        elif token.type in ("th_open", "td_open"):
            cells += 1
        elif token.type == "thead_close":
            width = cells
        elif token.type == "tr_close" and width:
            assert cells == width
        elif token.type == "table_close":
            width = 0


@pytest.mark.parametrize("page", PAGES)
def test_every_page_carries_its_source_and_two_the_newest_run(page: str, full: Built) -> None:
    stamp = full.text(page).split("\n")[2]
    run = " Newest run 20261101T100000.000000-cccccc, started 2026-11-01 10:00 UTC."
    assert stamp == (
        "OFFLINE RUN: nothing here was listed on the Hub. Source: builtin, reference."
        + (run if page in ("README.md", "reports/analyze.md") else "")
    )


@pytest.mark.parametrize(
    ("read", "start"), [(True, "Full run. Source: "), (False, "PARTIAL RUN: some models were listed")]
)
def test_a_stamp_says_how_complete_a_run_on_the_hub_is(read: bool, start: str, catalog_store: Store) -> None:
    catalog_store.insert([SightingRecord(EXTRACT_RUN, "a/b", "hub", "sha")])
    if read:
        outcome = ExtractionRecord(EXTRACT_RUN, "a/b", "hub", "sha", "failed", "no_config", "meta-device", None, 0.1)
        catalog_store.insert([outcome])
    assert stamp_of(Answers(catalog_store)).startswith(start)


def test_the_index_says_the_numbers_that_the_tables_give(full: Built) -> None:
    index = full.text("README.md")
    [(models, extracted, structures)] = full.store.rows(
        "SELECT (SELECT count(*) FROM sightings), count(*), count(DISTINCT structure_id) FROM extractions "
        "WHERE status = 'extracted'"
    )
    assert f"**{models} model revisions mined**" in index
    assert f"{extracted} gave a structure, {structures} of them distinct; {models - extracted} did not" in index
    [(families,)] = full.store.rows("SELECT count(DISTINCT family_id) FROM families")
    assert f"**{families} families among {extracted} models**" in index


def test_the_pruning_report_says_in_words_who_beats_whom(full: Built) -> None:
    magnitude, random = (f"{damage_of(method, 0.5):.2f}" for method in ("magnitude", "random"))
    assert (
        "**magnitude against random:** better on 5 of 5 models at 10 %, on 5 of 5 models at 25 %, on 5 of 5 models at "
        f"50 %; clearly so in 12 of 15; at 50 % the median is {magnitude} x dense against {random} x."
    ) in full.text("reports/prune.md")


def test_the_prunability_table_has_every_method_at_one_share_and_one_best_a_scope(full: Built) -> None:
    rows = rows_of(full.text("reports/prune.md"), "## Damage")
    wanted = {(model, "50 %", method): f"{damage_of(method, 0.5):.2f} x" for model in REFERENCES for method in METHODS}
    assert {(row[0], row[1], row[3]): row[5].split(" \\[")[0] for row in rows} == wanted
    assert len(rows) == len(wanted)
    for row in rows:
        assert re.fullmatch(r"[\d.]+ \\\[[\d.]+, [\d.]+\\\]", row[4])
        assert row[-1] == (
            f"**best {row[2]} method**" if row[3] in ("magnitude", "mlp-maxmin", "depth-angular") else ""
        )


def rows_of(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the rows of reference models in a section."""
    part = page.split(heading)[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in part.split("\n") if line.startswith("| ref-")]


def test_the_verdicts_say_what_their_intervals_are(full: Built) -> None:
    part = full.text("reports/prune.md").split("## Against the baselines")[1].split("## ")[0]
    assert "drawing windows anew" in part
    assert "clearly better" in part and "better, not paired" in part


def test_a_worse_method_is_named(full: Built) -> None:
    with Store.open(None) as store:
        fill_catalog(store)
        for (table,) in [("experiments",), ("metrics",)]:
            store.connection.register("copied", full.store.connection.sql(f"SELECT * FROM {table}").to_arrow_table())
            store.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM copied")
        store.connection.execute(
            "UPDATE metrics SET value = 900, ci_low = 800, ci_high = 1000 "
            "WHERE experiment_key = 'ref-opt-magnitude-0.5' AND metric = 'perplexity'"
        )
        [section] = [section for section in SECTIONS if section.name == "baselines"]
        blocks = repr(section.render(Answers(store)))
    assert "on 4 of 5 models at 50 %; clearly so in 0 of 15" in blocks
    assert "Worse: ref-opt at 50 % (worse, not paired)." in blocks


@pytest.mark.parametrize(
    ("fill", "missing", "pictures", "no_pictures"),
    [
        ((fill_catalog,), ("--process", "--prune"), {"module_kinds"}, {"largest_families", "prunability"}),
        ((fill_catalog, fill_families), ("--prune",), {"module_kinds", "largest_families"}, {"prunability"}),
    ],
    ids=["extracted", "processed"],
)
def test_a_partial_store_says_what_is_missing(
    fill: tuple[Callable[[Store], None], ...],
    missing: tuple[str, ...],
    pictures: set[str],
    no_pictures: set[str],
    empty_store: Store,
) -> None:
    for step in fill:
        step(empty_store)
    files = build_report(Answers(empty_store), PlainProgress())
    assert {f"{page}" for page in PAGES} <= set(files)
    for flag in missing:
        assert f"run `python run_pipeline.py {flag}`" in files["README.md"].decode()
    drawn = {Path(path).stem for path in files if path.startswith("images/")}
    assert pictures <= drawn
    assert not no_pictures & drawn
