"""A store whose names try to be markup, with a map."""

from store import Store
from store.records import MapPointRecord
from tests.analysis.synthetic import PROCESS_RUN, fill_all

HOSTILE_MODEL = "</script><script>document.title='model'</script>"
HOSTILE_TASK = "<img src=x onerror=\"document.title='task'\">' & {{ 7 * 7 }}"
HOSTILE_FAMILY = "--><svg onload=document.title='family'>\u2028\u202ereversed"
HOSTILE_DETAIL = "javascript:document.title='detail' <b>bold</b> \u2029 ${7*7} [a](http://127.0.0.1:9)"
# What stands in a store's names instead of the harmless ones.
RENAMED = {
    "model_id": ("ref-opt", HOSTILE_MODEL),
    "task": ("fill-mask", HOSTILE_TASK),
    "family_id": ("ref-llama", HOSTILE_FAMILY),
}


def fill_site(store: Store) -> None:
    """Insert what all stages would have found, a map, and hostile names in every table."""
    fill_all(store)
    structures = [row[0] for row in store.rows("SELECT structure_id FROM extracted_structures ORDER BY 1")]
    store.insert(
        [
            MapPointRecord(PROCESS_RUN, structure, index % 7 + 0.1 * index, float(index // 7), "umap", 1 + index % 3)
            for index, structure in enumerate(structures)
        ]
    )
    tables = store.rows(
        "SELECT table_name, column_name FROM duckdb_columns() JOIN duckdb_tables() USING (table_name) ORDER BY ALL"
    )
    for table, column in tables:
        if column in RENAMED:
            old, new = RENAMED[column]
            store.connection.execute(
                f"UPDATE {table} SET {column} = $new WHERE {column} = $old", {"old": old, "new": new}
            )
    store.connection.execute(
        "UPDATE extractions SET detail = $new WHERE status <> 'extracted'", {"new": HOSTILE_DETAIL}
    )
