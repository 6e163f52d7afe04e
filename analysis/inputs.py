"""The hash of all that a report depends on."""

from dataclasses import astuple
from pathlib import Path

from analysis.section import Answers
from analysis.sections import SECTIONS
from store.provenance import content_hash

PACKAGE = Path(__file__).parent


def input_hash(answers: Answers) -> str:
    """Return the hash of every row that the sections ask for and of this package's code.

    Rows and not the tables' state: a stage that looks again and finds nothing new leaves rows behind, too.
    """
    queries = {query.path.name: query for section in SECTIONS for query in section.queries}
    rows = {name: [astuple(row) for row in answers[query]] for name, query in queries.items()}
    return content_hash({"rows": rows, "code": _code()})


def _code() -> dict[str, str]:
    files = sorted(path for ending in ("*.py", "*.sql", "*.j2") for path in PACKAGE.rglob(ending))
    return {str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8") for path in files}
