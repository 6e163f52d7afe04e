"""The report as files in memory: rows in, bytes out. The same store gives the same bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from analysis.document import Block, Column, Link, Picture, Statistics, Table, paragraph
from analysis.exports import EXPORTS
from analysis.figures.render import render_pictures
from analysis.markdown import Page, render_page
from analysis.numbers import count_of
from analysis.pages import PAGES
from analysis.section import Answers, ReportName, Section, SubjectPage
from analysis.sections import SECTIONS
from analysis.sections.analyze.runs import RUNS
from analysis.sections.extract.catalog import SOURCES, SourceRow
from analysis.sections.prune.sanity import CHECKS, alarm
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
# Sources that need no network: a report of these alone says so.
LOCAL_SOURCES = frozenset({"builtin", "reference", "directory"})
Kind = TypeVar("Kind")
_BACK = ("Index", (paragraph(Link("Back to the index", "README.md")),))


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
    subjects = [page for page_set in PAGES for page in page_set.pages(answers)]
    stamp = stamp_of(answers)
    files = {f"{report}.md": _page(report, rendered, stamp) for report in TITLES}
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
    return files


def stamp_of(answers: Answers) -> str:
    """Return the line under every title: failed sanity checks; source, revision and time of what was mined."""
    sources = answers[SOURCES]
    newest = max(answers[RUNS], key=lambda row: row.run_id)
    named = ", ".join(f"{row.source} ({count_of(row.n_models, 'model')})" for row in sources)
    reach = _reach(sources)
    loud = alarm(answers[CHECKS])
    reach = f"{loud} {reach}" if loud else reach
    return f"{reach} Source: {named}. Newest run {newest.run_id}, started {newest.started_at:%Y-%m-%d %H:%M} UTC."


def _reach(sources: Iterable[SourceRow]) -> str:
    rows = [*sources]
    if {row.source for row in rows} <= LOCAL_SOURCES:
        return "OFFLINE RUN: nothing here was listed on the Hub."
    if any(row.n_pending for row in rows):
        return "PARTIAL RUN: some models were listed and not read."
    return "Full run."


def _render(section: Section, answers: Answers) -> tuple[Block, ...]:
    return section.render(answers) if answers[section.queries[0]] else (paragraph(*section.missing),)


def _page(report: ReportName, rendered: list[RenderedSection], stamp: str) -> bytes:
    parts = [(item.section.title, item.blocks) for item in rendered if item.section.report == report]
    if report != "README":
        parts.insert(0, _BACK)
    if report == "reports/analyze":
        parts.append(("Pictures and numbers", (_trace(rendered),)))
    return _rendered_page(report, TITLES[report], stamp, parts)


def _subject_page(page: SubjectPage, stamp: str) -> bytes:
    return _rendered_page(page.path, page.title, stamp, [_BACK, *page.parts])


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


def _blocks_of(rendered: Iterable[RenderedSection]) -> list[Block]:
    return [block for item in rendered for block in item.blocks]


def _of_kind(blocks: Iterable[Block], kind: type[Kind]) -> list[Kind]:
    return [block for block in blocks if isinstance(block, kind)]
