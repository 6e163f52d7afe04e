"""The report as files in memory: rows in, bytes out. The same store gives the same bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from analysis.document import Block, Column, Link, Picture, Statistics, Table, paragraph
from analysis.exports import EXPORTS
from analysis.figures.render import render_png
from analysis.markdown import Page, render_page
from analysis.pages import PAGES
from analysis.section import Answers, ReportName, Section, SubjectPage
from analysis.sections import SECTIONS
from analysis.stamp import stamp_of
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
_BACK = ("Index", (paragraph(Link("Back to the index", "README.md")),))


@dataclass(frozen=True)
class RenderedSection:
    """A section and the blocks it gave."""

    section: Section
    blocks: tuple[Block, ...]


def build_report(answers: Answers, progress: Progress) -> dict[str, bytes]:
    """Return every file of the report by its path relative to the output folder."""
    rendered = [RenderedSection(section, _render(section, answers)) for section in SECTIONS]
    subjects = [page for page_set in PAGES for page in answers.derive(page_set.pages)]
    stamp = stamp_of(answers)
    files = {f"{report}.md": _page(report, rendered, stamp) for report in TITLES}
    files |= {f"{page.path}.md": _subject_page(page, stamp) for page in subjects}
    for export in EXPORTS:
        files.update(export.files(answers))
    blocks = [*_blocks_of(rendered), *(block for page in subjects for _, part in page.parts for block in part)]
    pictures = {picture.name: picture for picture in _of_kind(blocks, Picture)}
    with progress.track("pictures", len(pictures)) as track:
        for name, picture in sorted(pictures.items()):
            files[f"images/{name}.png"] = render_png(picture)
            files[f"csv_data/{name}.csv"] = csv_text(picture.rows).encode()
            track.advance(name)
    for statistics in _of_kind(blocks, Statistics):
        files[f"statistics_txt/{statistics.name}.txt"] = statistics_text(statistics).encode()
    return files


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
