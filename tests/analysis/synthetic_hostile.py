"""Stores in which everything that comes from outside is hostile, and what hostile texts look like."""

from collections.abc import Sequence

from hypothesis import strategies as st

from store import Store
from tests.analysis.synthetic import fill_all

_PIECES = (
    *"|`*_[]()<>&!#~\\@:/.+-=$'\";,{}^%\n\r\t\x00\x07\x1b\x7f\x85\xa0\xad\u061c\u200b\u202e\u2028\u2066\u3000\ufeff",
    *"ab1 \U000e0041\uff1d\uff0b\uff20",
    "https://evil.example/x",
    "www.evil.example",
    "mail@evil.example",
    "mailto:mail@evil.example",
    "@torvalds",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![i](http://evil.example/x.png)",
    "[a](javascript:alert(1))",
    "<https://evil.example>",
    "\n\n# Owned\n\n",
    "\n| a | b |\n| --- | --- |\n",
    "\n::error::owned\n",
    "##[set-output name=x]",
    "\x1b]8;;http://evil.example\x07",
    "\x1b[31m",
    "=cmd|' /C calc'!A0",
    ";=1+1",
    "---\n",
    "</script>",
    "{{ 7 * 7 }}",
    "${{ github.token }}",
    "&#124;",
    "\\|",
    "../../etc/passwd",
    "`code`",
    "***bold***",
    "~~gone~~",
    "1. one",
    "- item",
    "# heading",
    "::warning::owned",
)
HOSTILE = st.lists(
    st.one_of(st.sampled_from(_PIECES), st.sampled_from(_PIECES), st.characters(codec="utf-8")), min_size=2, max_size=10
).map("".join)

# Columns whose text comes from outside. What selects rows by its meaning (dense, source, status) stays.
FOREIGN = {
    "sightings": ("model_id", "revision", "task", "library", "license", "base_model", "base_model_relation"),
    "extractions": ("model_id", "revision", "reason", "detail", "model_type", "architecture"),
    "extracted_modules": ("path", "parent", "block", "class_name", "kind"),
    "traits": ("name", "value"),
    "names": ("model_id", "base_name", "base_name_simple", "owner", "version", "size", "variant", "evidence"),
    "families": ("family_id", "model_id", "reason"),
    "representatives": ("family_id", "model_id", "revision", "reason"),
    "experiments": ("model_id", "revision", "method", "reason", "detail", "evaluation", "device"),
    "checks": ("model_id", "check_name", "detail"),
    "samples": ("prompt", "text"),
    "analyses": ("model_id", "revision", "reason", "detail"),
    "redundancy": ("model_id", "revision", "component"),
    "proxies": ("model_id", "proxy"),
    "runs": ("git_commit", "detail"),
}
# Without these no section would have rows to be hostile in.
_KEPT = ("dense", "random", "magnitude", "depth-last", "mlp-random", "container", "module")
_FILLED = {"library": "library", "license": "license", "base_model": "base", "base_model_relation": "relation"}


def fill_plain(store: Store) -> None:
    """Insert a whole store in which no column of an outside text is empty."""
    fill_all(store)
    for column, word in _FILLED.items():
        store.connection.execute(f"UPDATE sightings SET {column} = '{word} ' || model_id WHERE {column} IS NULL")
    store.connection.execute("UPDATE sightings SET tags = ['tag ' || model_id, 'tag'], files = ['file ' || model_id]")
    store.connection.execute("UPDATE experiments SET detail = 'note ' || experiment_key WHERE detail IS NULL")


def outside_texts(store: Store) -> list[str]:
    """Return every distinct text of the foreign columns."""
    found = {
        value for table, columns in FOREIGN.items() for column in columns for value in _values(store, table, column)
    }
    return sorted(found - {*_KEPT})


def plant(store: Store, texts: Sequence[str]) -> int:
    """Put a hostile text in place of each outside text wherever it stands; return how many texts were planted.

    Where there are fewer than needed they come again, with a number.
    """
    olds = outside_texts(store)
    planted = [f"{text}{turn or ''}" for turn in range(-(-len(olds) // len(texts))) for text in texts]
    replaced = dict(zip(olds, planted, strict=False))
    store.connection.execute("CREATE OR REPLACE TEMP TABLE swap (old VARCHAR, new VARCHAR)")
    store.connection.executemany("INSERT INTO swap VALUES (?, ?)", [*replaced.items()])
    for table, columns in FOREIGN.items():
        for column in columns:
            store.connection.execute(f"UPDATE {table} SET {column} = swap.new FROM swap WHERE {column} = swap.old")
    for column in ("tags", "files"):
        added = f"UPDATE sightings SET {column} = list_transform({column}, lambda text: text || $hostile)"
        store.connection.execute(added, {"hostile": texts[0]})
    return len(replaced)


def _values(store: Store, table: str, column: str) -> set[str]:
    return {value for (value,) in store.rows(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")}
