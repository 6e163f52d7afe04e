"""The hash of all that a report depends on."""

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from analysis.exports import EXPORTS
from analysis.pages import PAGES
from analysis.section import Answers
from analysis.sections import SECTIONS
from store.provenance import HASH_BYTES, content_hash

ROOT = Path(__file__).parent.parent
ENDINGS = ("*.py", "*.sql", "*.j2", "*.css", "*.js", "*.csv", "*.toml")
PACKAGES = (ROOT / "analysis", ROOT / "pictures", ROOT / "uncertainty")


def input_hash(answers: Answers) -> str:
    """Return the hash of every row that the sections ask for and of the code that writes and draws.

    Rows and not the tables' state: a stage that looks again and finds nothing new leaves rows behind, too.
    """
    queries = {query.path.name: query for plug_in in (*SECTIONS, *PAGES, *EXPORTS) for query in plug_in.queries}
    rows = {name: _hash_of(answers[query]) for name, query in queries.items()}
    return content_hash({"rows": rows, "code": _code()})


def _hash_of(rows: Sequence[Any]) -> str:
    """Return the hash of rows of one dataclass, one at a time: all of them as one text would be a second copy."""
    digest = blake2b(digest_size=HASH_BYTES)
    for row in rows:
        text = json.dumps([*vars(row).values()], ensure_ascii=False, default=str)
        digest.update(f"{text}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _code() -> dict[str, str]:
    found = (package.rglob(ending) for package in PACKAGES for ending in ENDINGS)
    files = sorted(path for paths in found for path in paths)
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files}
