"""The report as files in memory: rows in, bytes out. The same store gives the same bytes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from analysis.cited import NUMBERS_FILE, TRACE_HEADING, cited_names, number_rows
from analysis.document import Block, Code, Column, Link, Picture, Statistics, Table, paragraph
from analysis.exports import EXPORTS
from analysis.figures.render import render_pictures
from analysis.links import only_existing
from analysis.markdown import Page, render_page
from analysis.numbers import many
from analysis.pages import PAGES
from analysis.relations import DERIVED
from analysis.section import Answers, ReportName, Section, SubjectPage
from analysis.sections import SECTIONS
from analysis.stamp import newest_run, stamp_of
from analysis.tabular import csv_text, statistics_text
from pipeline.progress import Progress

TITLES: dict[ReportName, str] = {
    "README": "Arborist: what can be cut from which architecture",
    "reports/extract": "Extraction: what the models are made of",
    "reports/process": "Processing: families, names and representatives",
    "reports/prune": "Pruning: how much each model can lose",
    "reports/redundancy": "Redundancy: where the fat is",
    "reports/prediction": "Prediction: which cheap signal would have told",
    "reports/analyze": "Analysis: where the numbers come from",
}
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class RenderedSection:
    """A section and the blocks it gave."""

    section: Section
    blocks: tuple[Block, ...]


def build_report(answers: Answers, progress: Progress, workers: int = 1) -> dict[str, bytes]:
    """Return every file of the report by its path relative to the output folder.

    Pictures are drawn by `workers` processes; the bytes do not depend on how many.
    """
    rendered = [RenderedSection(section, _render(section, answers)) for section in SECTIONS]
    subjects = [page for page_set in PAGES for page in answers.derive(page_set.pages)]
    stamp = stamp_of(answers)
    files = {f"{report}.md": _page(report, rendered, stamp, answers) for report in TITLES if report != "README"}
    files |= {f"{page.path}.md": _subject_page(page, stamp) for page in subjects}
    for export in EXPORTS:
        files.update(export.files(answers))
    blocks = [*_blocks_of(rendered), *(block for page in subjects for _, part in page.parts for block in part)]
    pictures = {picture.name: picture for picture in _of_kind(blocks, Picture)}
    with progress.track("pictures", len(pictures)) as track:
        for name, png in render_pictures(pictures, workers):
            files[f"images/{name}.png"] = png
            track.advance(name)
    files |= {f"csv_data/{name}.csv": csv_text(picture.rows).encode() for name, picture in pictures.items()}
    for statistics in _of_kind(blocks, Statistics):
        files[f"statistics_txt/{statistics.name}.txt"] = statistics_text(statistics).encode()
    for relation in DERIVED:
        if rows := answers.derive(relation.rows):
            files[f"csv_data/{relation.name}.csv"] = csv_text(rows).encode()
    return files | _index(rendered, stamp, answers, frozenset(files))


def _index(rendered: list[RenderedSection], stamp: str, answers: Answers, paths: frozenset[str]) -> dict[str, bytes]:
    """Return the index with links to the files that there are, and the list of its numbers."""
    known = paths | {NUMBERS_FILE}
    shown = [
        RenderedSection(item.section, tuple(only_existing(block, known) for block in item.blocks))
        for item in rendered
        if item.section.report == "README"
    ]
    numbers = csv_text(number_rows(_blocks_of(shown))).encode()
    return {"README.md": _page("README", shown, stamp, answers), NUMBERS_FILE: numbers}


def _render(section: Section, answers: Answers) -> tuple[Block, ...]:
    return section.render(answers) if answers[section.queries[0]] else (paragraph(*section.missing),)


def _page(report: ReportName, rendered: list[RenderedSection], stamp: str, answers: Answers) -> bytes:
    parts = [(item.section.title, item.blocks) for item in rendered if item.section.report == report]
    if report == "reports/analyze":
        parts += [("Pictures and numbers", (_trace(rendered),)), (TRACE_HEADING, _index_trace(rendered))]
    if report in ("README", "reports/analyze"):
        stamp = f"{stamp} {newest_run(answers)}"
    return _rendered_page(report, TITLES[report], stamp, parts)


def _subject_page(page: SubjectPage, stamp: str) -> bytes:
    return _rendered_page(page.path, page.title, stamp, page.parts)


def _rendered_page(path: str, title: str, stamp: str, parts: Iterable[tuple[str, tuple[Block, ...]]]) -> bytes:
    return render_page(Page(title, stamp, tuple(parts), "../" * path.count("/"))).encode()


def _trace(rendered: list[RenderedSection]) -> Table:
    """Return where each section's numbers come from: its report, queries and pictures."""
    columns = (Column("Section"), Column("Report"), Column("Queries in analysis/queries"), Column("Pictures"))
    cells = tuple(
        (
            item.section.title,
            Link(f"{item.section.report}.md", f"{item.section.report}.md"),
            ", ".join(query.path.name for query in item.section.queries),
            ", ".join(picture.name for picture in _of_kind(item.blocks, Picture)) or "none",
        )
        for item in rendered
    )
    return Table(columns, cells)


def _index_trace(rendered: list[RenderedSection]) -> tuple[Block, ...]:
    """Return the queries that the index cites: where each is written, and how many of its numbers it gave."""
    blocks = _blocks_of(item for item in rendered if item.section.report == "README")
    counts = Counter(row.query for row in number_rows(blocks))
    columns = (Column("Query"), Column("Numbers of the index", numeric=True), Column("Written in"))
    cells = tuple((name, many(counts[name]), _written_in(name)) for name in sorted(cited_names(blocks)))
    how = paragraph(
        Code("python -m analysis query NAME"), "prints the rows of a query. Every number of the index:",
        Link(NUMBERS_FILE, NUMBERS_FILE),
    )  # fmt: skip
    return how, Table(columns, cells)


def _written_in(name: str) -> str | Link:
    if name in DERIVED.names():
        return Link(f"{DERIVED[name].title}: csv_data/{name}.csv", f"csv_data/{name}.csv")
    return f"analysis/queries/{name}.sql"


def _blocks_of(rendered: Iterable[RenderedSection]) -> list[Block]:
    return [block for item in rendered for block in item.blocks]


def _of_kind(blocks: Iterable[Block], kind: type[Kind]) -> list[Kind]:
    return [block for block in blocks if isinstance(block, kind)]
