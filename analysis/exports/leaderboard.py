"""The prunability leaderboard as CSV, Parquet and JSON: every measured result with its baselines, unrounded."""

import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from analysis.comparison import DAMAGE
from analysis.leaderboard import LeaderboardRow, leaderboard_rows
from analysis.losses import LOSSES
from analysis.section import Answers, Export
from analysis.subjects import SUBJECTS
from analysis.tabular import csv_text

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class Meaning:
    """The unit of a column ("" = a text or a truth value, "1" = a ratio) and what it says."""

    unit: str
    text: str


# By column of `LeaderboardRow`.
MEANINGS: Mapping[str, Meaning] = {
    "family_id": Meaning("", "architecture family of the model; empty = not grouped"),
    "model_id": Meaning("", "model as its source names it"),
    "source": Meaning("", "where the model is from: hub, directory or reference"),
    "scope": Meaning("", "what the method removes: weight, neuron, head, expert, layer or factorisation"),
    "method": Meaning("", "pruning method"),
    "ratio": Meaning("fraction", "share of the scope's own units that was asked for"),
    "perplexity": Meaning("1", "perplexity after pruning, mean over seeds"),
    "perplexity_low": Meaning("1", "low end of the 95 % interval"),
    "perplexity_high": Meaning("1", "high end of the 95 % interval"),
    "damage": Meaning("1", "perplexity over that of the dense model, on the same windows where they are known"),
    "damage_low": Meaning("1", "low end of the 95 % interval"),
    "damage_high": Meaning("1", "high end of the 95 % interval"),
    "random_damage": Meaning("1", "damage of the random baseline at an equal budget"),
    "random_verdict": Meaning("", "against the random baseline"),
    "trivial_damage": Meaning("1", "damage of the trivial baseline at an equal budget"),
    "trivial_verdict": Meaning("", "against the trivial baseline"),
    "budget_kind": Meaning("", "what budget counts: weights, copies or low_rank"),
    "budget": Meaning("fraction", "share that comparisons go by"),
    "removed_fraction": Meaning("fraction", "share of all prunable weights that are gone or zero"),
    "parameters_left": Meaning("fraction", "parameters over those of the dense model"),
    "bytes_left": Meaning("fraction", "bytes on disk over those of the dense model"),
    "latency_left": Meaning("fraction", "latency over that of the dense model, measured"),
    "flops_left": Meaning("fraction", "floating-point operations over those of the dense model, counted"),
    "n_windows": Meaning("windows", "held-out windows behind the perplexity"),
    "n_seeds": Meaning("seeds", "draws of what is random"),
    "best_of_scope": Meaning("", "least damage of the scope on this model among results with comparable budgets"),
}
_TYPES = {str: "string", float: "double", int: "int64", bool: "bool"}
# No character of markup, so that the text may stand inside a page's script element, too.
_MARKUP = re.compile("[<>&]")


def _files(answers: Answers) -> Mapping[str, bytes]:
    rows = answers.derive(leaderboard_rows)
    if not rows:
        return {}
    return {
        "exports/leaderboard.csv": csv_text(rows).encode(),
        "exports/leaderboard.json": json_of(rows).encode(),
        "exports/leaderboard.parquet": parquet_of(rows),
    }


def json_of(rows: Sequence[LeaderboardRow]) -> str:
    """Return `{"schema": {column: {type, unit, meaning}}, "rows": [{column: value}]}`, a line each.

    What is not finite is null.
    """
    schema = {
        name: {"type": kind, "unit": MEANINGS[name].unit, "meaning": MEANINGS[name].text}
        for name, kind in column_types().items()
    }
    columns = ",\n".join(f"  {json.dumps(name)}: {_json(column)}" for name, column in schema.items())
    listed = ",\n".join(f"  {_json({name: _finite(value) for name, value in asdict(row).items()})}" for row in rows)
    return f'{{\n "schema": {{\n{columns}\n }},\n "rows": [\n{listed}\n ]\n}}\n'


def parquet_of(rows: Sequence[LeaderboardRow]) -> bytes:
    """Return a Parquet file with unit and meaning in each column's metadata: the same rows give the same bytes."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.Table.from_pylist([asdict(row) for row in rows], schema=_arrow_schema())
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def column_types() -> dict[str, str]:
    """Return the Arrow type of every column of `LeaderboardRow` by name."""
    hints = get_type_hints(LeaderboardRow)
    return {field.name: _TYPES[_plain(hints[field.name])] for field in fields(LeaderboardRow)}


def _plain(annotation: Any) -> type:
    """Return the type of a column from its annotation: `float | None` is a float, one of some texts a text."""
    if annotation in _TYPES:
        return annotation
    first = get_args(annotation)[0]
    return str if isinstance(first, str) else _plain(first)


def _arrow_schema() -> "pyarrow.Schema":
    import pyarrow

    return pyarrow.schema(
        [
            pyarrow.field(name, kind, metadata={"unit": MEANINGS[name].unit, "meaning": MEANINGS[name].text})
            for name, kind in column_types().items()
        ]
    )


def _json(value: Mapping[str, Any]) -> str:
    return _MARKUP.sub(lambda match: f"\\u{ord(match.group()):04x}", json.dumps(value, allow_nan=False))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


LEADERBOARD_EXPORT = Export("leaderboard", "Leaderboard", (DAMAGE, LOSSES, SUBJECTS), _files)
