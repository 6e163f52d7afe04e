"""The hash of all that a report depends on."""

from dataclasses import astuple
from pathlib import Path

from analysis.exports import EXPORTS
from analysis.pages import PAGES
from analysis.section import Answers
from analysis.sections import SECTIONS
from store.provenance import content_hash

ROOT = Path(__file__).parent.parent
ENDINGS = ("*.py", "*.sql", "*.j2", "*.css", "*.js", "*.csv", "*.toml")
PACKAGES = (ROOT / "analysis", ROOT / "pictures", ROOT / "uncertainty")


def input_hash(answers: Answers) -> str:
    """Return the hash of every row that the sections ask for and of the code that writes and draws.

    Rows and not the tables' state: a stage that looks again and finds nothing new leaves rows behind, too.
    """
    queries = {query.path.name: query for plug_in in (*SECTIONS, *PAGES, *EXPORTS) for query in plug_in.queries}
    rows = {name: [astuple(row) for row in answers[query]] for name, query in queries.items()}
    return content_hash({"rows": rows, "code": _code()})


def _code() -> dict[str, str]:
    found = (package.rglob(ending) for package in PACKAGES for ending in ENDINGS)
    files = sorted(path for paths in found for path in paths)
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files}
