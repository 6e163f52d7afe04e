"""A Hugging Face model card for each measured model: what pruning does to it, to go with what is pruned from it.

`python -m pruning prune` writes a card of its own into a pruned checkpoint; this one covers every method and ratio.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.comparison import DAMAGE, DamageRow, damage_rows
from analysis.document import Block, Bullets, Code, Column, Inline, Table, paragraph
from analysis.exports.front_matter import front_matter
from analysis.grouped import grouped
from analysis.losses import LOSSES
from analysis.markdown import Page, render_page
from analysis.numbers import many, percent, times_with_interval, with_interval
from analysis.paths import file_name
from analysis.section import Answers, Export
from analysis.sections.prune.dense import DENSE, DenseRow
from analysis.subjects import SUBJECTS, SubjectRow

SHOWN_RESULTS = 200
# Names that can be typed into a shell as they are; of others the card shows a placeholder.
_TYPED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
# A repository of the Hub, which a link to the base model needs.
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_ROOT = "../../"
_COLUMNS = (
    Column("Scope"),
    Column("Method"),
    Column("Ratio asked", numeric=True),
    Column("Perplexity [95 %]", numeric=True),
    Column("Over dense [95 %]", numeric=True),
    Column("Parameters left", numeric=True),
    Column("Bytes left", numeric=True),
    Column("Latency left", numeric=True),
    Column("Windows", numeric=True),
    Column("Seeds", numeric=True),
)
_LIMITS = (
    "Perplexity on one held-out text says nothing about other languages, tasks, safety or bias.",
    "Weights that are set to zero leave a dense file as large and as slow as before.",
    "Latency was measured on one machine; it is a ratio to the dense model there and another one elsewhere.",
    "Nothing was trained after pruning; a method that ends in healed fits a linear map to what it removed.",
)


def card_path(source: str, model_id: str) -> str:
    """Return the path of a model's card in the report."""
    return f"exports/cards/{file_name(source, model_id)}.md"


def _files(answers: Answers) -> Mapping[str, bytes]:
    results = grouped(answers.derive(damage_rows), lambda row: (row.source, row.model_id))
    dense = {(row.source, row.model_id): row for row in answers[DENSE]}
    return {
        card_path(card.source, card.model_id): _card(card, dense[place], results[place]).encode()
        for card in answers[SUBJECTS]
        if (place := (card.source, card.model_id)) in dense
    }


def _card(card: SubjectRow, dense: DenseRow, results: Sequence[DamageRow]) -> str:
    shown = sorted(results, key=lambda row: (row.scope, row.ratio, row.damage, row.method))[:SHOWN_RESULTS]
    parts: tuple[tuple[str, tuple[Block, ...]], ...] = (
        ("The model before pruning", (Bullets(_facts(card, dense)),)),
        ("What pruning does to it", _measured(shown, len(results))),
        ("How to reproduce", _commands(card, shown)),
        ("Limits", (Bullets(tuple((limit,) for limit in _LIMITS)),)),
    )
    stamp = f"Measured by Arborist on {dense.device} in fp32. Evaluation text {dense.evaluation}."
    page = render_page(Page(f"{card.model_id}, pruned", stamp, parts, _ROOT))
    return f"{front_matter(_metadata(card, dense, shown))}\n{page}"


def _metadata(card: SubjectRow, dense: DenseRow, results: Sequence[DamageRow]) -> dict[str, Any]:
    on_hub = card.source == "hub" and _REPOSITORY.fullmatch(card.model_id)
    metrics = [_metric("dense", 0.0, dense.perplexity)]
    metrics += [_metric(row.method, row.ratio, row.perplexity) for row in results]
    result = {
        "task": {"type": card.task or "text-generation"},
        "dataset": {"type": "arborist-evaluation-text", "name": f"Evaluation text {dense.evaluation}"},
        "metrics": [metric for metric in metrics if metric["value"] is not None],
    }
    return {
        "library_name": "transformers",
        "license": card.license,
        "base_model": card.model_id if on_hub else None,
        "tags": ["pruned", "arborist"],
        "model-index": [{"name": f"{card.model_id}, pruned", "results": [result]}],
    }


def _metric(method: str, ratio: float, perplexity: float | None) -> dict[str, Any]:
    known = perplexity is not None and math.isfinite(perplexity)
    name = "Perplexity, dense" if method == "dense" else f"Perplexity, {method} at ratio {ratio:g}"
    return {"type": "perplexity", "name": name, "value": perplexity if known else None}


def _facts(card: SubjectRow, dense: DenseRow) -> tuple[tuple[Inline, ...], ...]:
    perplexity = dense.perplexity
    shown = with_interval(perplexity, dense.perplexity_low, dense.perplexity_high) if perplexity else "not known"
    windows = f"{many(dense.n_windows)} windows" if dense.n_windows else "windows not known"
    return (
        (f"Model: {card.model_id}, from {card.source}, revision {card.revision}.",),
        (f"Licence: {card.license or 'its source names none; ask there before use'}.",),
        (f"Perplexity {shown} (95 % interval over {windows}).",),
        (f"Parameters: {many(dense.parameters) if dense.parameters else 'not known'}.",),
    )


def _measured(shown: Sequence[DamageRow], n_results: int) -> tuple[Block, ...]:
    if not shown:
        return (paragraph("No pruned result yet."),)
    capped = f"The first {len(shown):,} of {n_results:,} results. " if n_results > len(shown) else ""
    words = (
        f"{capped}Ratio: share of the scope's own units that was asked for. Over dense: perplexity relative to the "
        "model before pruning. Parameters, bytes and latency left: shares of the dense model's."
    )
    return Table(_COLUMNS, tuple(map(_cells, shown))), paragraph(words)


def _cells(row: DamageRow) -> tuple[str, ...]:
    left = (row.parameters_left, row.bytes_left, row.latency_left)
    return (
        row.scope,
        row.method,
        percent(row.ratio),
        with_interval(row.perplexity, row.perplexity_low, row.perplexity_high),
        times_with_interval(row.damage, row.damage_low, row.damage_high),
        *("not known" if share is None else percent(share) for share in left),
        many(row.n_windows),
        many(row.n_seeds),
    )


def _commands(card: SubjectRow, shown: Sequence[DamageRow]) -> tuple[Block, ...]:
    """Return the command for the least damage of each scope."""
    model = _typed(card.model_id if card.source in ("hub", "reference") else "", "MODEL")
    best: dict[str, DamageRow] = {}
    for row in sorted(shown, key=lambda row: (-row.ratio, row.damage, row.method)):
        best.setdefault(row.scope, row)
    commands = tuple(
        (
            Code(
                f"python -m pruning prune {model} --method {_typed(row.method, 'METHOD')} --ratio {row.ratio:g} "
                "--output pruned"
            ),
        )
        for _, row in sorted(best.items())
    )
    words = "The best method of each scope at its greatest ratio; any other row of the table in the same way."
    return (paragraph(words), Bullets(commands)) if commands else (paragraph("No pruned result yet."),)


def _typed(name: str, placeholder: str) -> str:
    return name if _TYPED.fullmatch(name) else placeholder


CARDS_EXPORT = Export("cards", "Model cards", (SUBJECTS, DENSE, DAMAGE, LOSSES), _files)
