"""Versions of a report side by side: a folder each, named by the newest run behind it, and an index of them.

The name comes from the store and not from the clock: the same store gives the same folder, written once.
"""

import re
from pathlib import Path

from analysis.document import Block, Column, Link, Table, paragraph
from analysis.markdown import Page, render_page
from analysis.output import MANIFEST, VERSIONS, Manifest, add, read_manifest
from analysis.section import Answers
from analysis.sections.analyze.runs import RUNS
from pipeline.text import count_of

INDEX = "README.md"
_FOLDER = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_COLUMNS = (Column("Version"), Column("Newest run"), Column("Models by source"), Column("Files", numeric=True))


def version_folder(output_dir: Path, answers: Answers) -> Path:
    """Return the folder of the version, such as `OUTPUT_DIR/20261121T154946Z`: the newest run's start, UTC."""
    newest = max(answers[RUNS], key=lambda row: row.run_id)
    return output_dir / f"{newest.started_at:%Y%m%dT%H%M%SZ}"


def index_name(output_dir: Path) -> str:
    """Return where the index of versions stands: README.md, or versions.md where README.md is a report's."""
    holds_report = any(path.startswith("reports/") for path in read_manifest(output_dir).files)
    return VERSIONS if holds_report else INDEX


def write_index(output_dir: Path) -> None:
    """List the versions in the folder, the newest first."""
    folders = sorted((each for each in output_dir.iterdir() if _FOLDER.fullmatch(each.name)), reverse=True)
    versions = [(each.name, read_manifest(each)) for each in folders if (each / MANIFEST).is_file()]
    add(output_dir, index_name(output_dir), _index(versions).encode())


def _index(versions: list[tuple[str, Manifest]]) -> str:
    rows = tuple(
        (
            Link(name, f"{name}/README.md"),
            manifest.origin.runs[-1].run_id if manifest.origin.runs else "not known",
            ", ".join(f"{source} {count:,}" for source, count in manifest.origin.sources.items()) or "not known",
            f"{len(manifest.files):,}",
        )
        for name, manifest in versions
    )
    blocks: tuple[Block, ...] = (
        paragraph("A folder is named by the start of the newest run behind it, UTC. Remove those no longer wanted."),
        Table(_COLUMNS, rows),
    )
    return render_page(Page("Versions of the report", count_of(len(rows), "version"), (("Newest first", blocks),), ""))
