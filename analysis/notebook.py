"""A notebook over the store: the report's main queries as cells, with pictures of three of them.

It holds no rows, needs DuckDB, pandas and matplotlib alone, and opens the store read-only. Format:
https://nbformat.readthedocs.io/en/latest/format_description.html (4.5).
"""

import json
from dataclasses import dataclass
from typing import Any

from analysis.section import QUERIES
from pipeline.settings import default_values

NOTEBOOK = "exports/arborist.ipynb"
STORE_VARIABLE = "ARBORIST_STORE"
_OPEN = '''import os
from pathlib import Path

import duckdb
import matplotlib.pyplot as plt

# Where the store is: the variable {variable}, else this path, looked for in this folder and in those above it.
STORE = Path(os.environ.get("{variable}") or "{store}")
STORE = next((above / STORE for above in (Path.cwd(), *Path.cwd().parents) if (above / STORE).is_file()), STORE)
if not STORE.is_file():
    raise FileNotFoundError(f"no store at {{STORE}}: set {variable}, or make one with `make run`")
# A store may come from elsewhere, and its views are queries: it reads nothing but itself.
connection = duckdb.connect(str(STORE), read_only=True, config={{"enable_external_access": False}})
plt.style.use("tableau-colorblind10")
plt.rcParams["text.parse_math"] = False  # names come from outside: a dollar sign in one is no formula


def ask(sql):
    """Return the rows of a query as a pandas data frame."""
    return connection.sql(sql).df()'''
_DRAW_FAMILIES = """largest = families.head(20).iloc[::-1]
if len(largest):
    figure, axes = plt.subplots(figsize=(8, 1 + 0.3 * len(largest)), layout="constrained")
    axes.barh(range(len(largest)), largest["n_models"], color="#0173b2")
    axes.set_yticks(range(len(largest)), [name[:30] for name in largest["family_id"]])
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("models")
    axes.set_title(f"The {len(largest)} largest of {len(families)} families", loc="left")"""
_DRAW_DAMAGE = """if len(damage):
    middle = damage.groupby(["scope", "method", "ratio"])["damage"].median().reset_index()
    scopes = sorted(middle["scope"].unique())
    figure, panels = plt.subplots(
        1, len(scopes), figsize=(4 * len(scopes), 4), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, scope in zip(panels[0], scopes):
        for method, rows in middle[middle["scope"] == scope].groupby("method"):
            axes.plot(rows["ratio"], rows["damage"], marker="o", label=method[:30])
        axes.set_title(scope, loc="left")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} x")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
        axes.set_xlabel("asked ratio, fraction")
        axes.legend(fontsize=8)
    panels[0][0].set_ylabel(f"perplexity over dense, median of {damage['model_id'].nunique()} models")"""
_DRAW_PROXIES = """pooled = proxies[proxies["model_id"].isna() & (proxies["truth"] == "kl")].iloc[::-1]
if len(pooled):
    figure, axes = plt.subplots(figsize=(8, 1 + 0.3 * len(pooled)), layout="constrained")
    places = range(len(pooled))
    axes.plot(pooled["spearman"], places, "o", color="#0173b2")
    axes.hlines(places, pooled["ci_low"], pooled["ci_high"], color="#0173b2")
    axes.axvline(0, color="#949494")
    axes.set_yticks(places, [f"{row.target}: {row.proxy}"[:40] for row in pooled.itertuples()])
    axes.set_xlabel("Spearman correlation with the measured KL, with its 95 % interval")
    axes.set_title(f"{pooled['n_models'].max()} models together", loc="left")"""


@dataclass(frozen=True)
class Part:
    """A query of `queries/NAME.sql`, what it answers, and the code that draws its data frame NAME."""

    name: str
    title: str
    draw: str | None = None


PARTS = (
    Part("runs", "The runs that found something"),
    Part("sources", "What was mined, by source"),
    Part("outcomes", "How reading the models ended, by reason"),
    Part("families", "Families, the largest first", _DRAW_FAMILIES),
    Part("dense", "Dense models before pruning"),
    Part("damage", "Damage by method and ratio, relative to the dense model", _DRAW_DAMAGE),
    Part("proxies", "Cheap scores against measured damage", _DRAW_PROXIES),
)


def notebook_bytes() -> bytes:
    """Return the notebook, without outputs; it is the same for every store."""
    cells = [
        _cell("markdown", "# The store of Arborist\n\nEvery table of the report comes from a query such as these."),
        _cell("code", _OPEN.format(variable=STORE_VARIABLE, store=default_values()["store"])),
        *(cell for part in PARTS for cell in _cells(part)),
    ]
    numbered = [{"id": f"cell-{position:02}", **cell} for position, cell in enumerate(cells)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    content = {"cells": numbered, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(content, indent=1) + "\n").encode()


def _cells(part: Part) -> list[dict[str, Any]]:
    sql = (QUERIES / f"{part.name}.sql").read_text(encoding="utf-8").rstrip()
    asked = f'{part.name} = ask(r"""\n{sql}\n""")\n{part.name}'
    drawn = [_cell("code", part.draw)] if part.draw else []
    return [_cell("markdown", f"## {part.title}"), _cell("code", asked), *drawn]


def _cell(kind: str, source: str) -> dict[str, Any]:
    outputs = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, **outputs, "source": source.splitlines(keepends=True)}
