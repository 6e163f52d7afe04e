"""A store as large as the Hub makes it: what three listings, two groupings and a hundred pruned models leave behind.

Everything is drawn from md5 of names and numbers, in SQL: the same sizes give the same rows.
"""

from pathlib import Path

from store import Store

MODELS = 20_000
# 0.3 distinct structures a model; 20 experiments a pruned model
STRUCTURES_A_MODEL = 0.3
PRUNED = 100
SCRIPTS = ("catalog.sql", "families.sql", "pruning.sql")


def fill_large(store: Store, models: int = MODELS, pruned: int = PRUNED) -> None:
    """Insert what all stages would have found in `models` models, of which `pruned` went through stage prune."""
    sizes = {"n_models": models, "n_structures": int(models * STRUCTURES_A_MODEL), "n_pruned": pruned}
    for name, value in sizes.items():
        store.connection.execute(f"SET VARIABLE {name} = {value}")
    for script in SCRIPTS:
        store.connection.execute((Path(__file__).parent / script).read_text(encoding="utf-8"))
