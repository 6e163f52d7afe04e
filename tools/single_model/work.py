"""Prunes by the project's own command, measures what was saved, and writes both into one folder."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.markdown import escape
from pipeline.errors import StageError, UsageError
from pruning.evaluation import METRICS
from tools.ci.summary import table
from tools.single_model.order import Order

CHECKPOINT, REPORT = "checkpoint", "report.md"


def prune_and_report(order: Order, folder: Path) -> str:
    """Write checkpoint/ (with its card), pruned.json, evaluation.json and report.md; return the report.

    Raises `StageError` when a command fails; it has told why.
    """
    if folder.exists():
        raise UsageError(f"--output: expected a folder that is not there yet, got {str(folder)!r}")
    folder.mkdir(parents=True)
    checkpoint = folder / CHECKPOINT
    pruned = answer_of(prune_words(order, checkpoint))
    measured = answer_of(evaluate_words(order, checkpoint))
    for name, answer in (("pruned.json", pruned), ("evaluation.json", measured)):
        (folder / name).write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    report = report_of(order, pruned, measured)
    (folder / REPORT).write_text(report, encoding="utf-8")
    return report


def prune_words(order: Order, checkpoint: Path) -> list[str]:
    """Return the arguments of `python -m pruning`; a value never stands where an option could."""
    words = ["prune", order.model, f"--method={order.method}", f"--ratio={order.ratio:g}", f"--output={checkpoint}"]
    texts = [*_text("calibration", order.calibration), *_text("evaluation", order.evaluation)]
    return [*words, *texts, *_network(order)]


def evaluate_words(order: Order, checkpoint: Path) -> list[str]:
    """Return the arguments that measure what was saved beside the model that it came from."""
    texts = _text("evaluation", order.evaluation)
    return ["evaluate", str(checkpoint), f"--against={order.model}", *texts, *_network(order)]


def _text(option: str, source: str) -> list[str]:
    return [f"--{option}={source}"] if source else []


def _network(order: Order) -> list[str]:
    """Return what keeps a command from asking the Hub for a model that, without a token, it may not know."""
    return [] if order.asks_the_hub else ["--offline"]


def answer_of(words: list[str]) -> dict[str, Any]:
    """Run a command of the project and return the last object that it prints. Raises `StageError`."""
    command = [sys.executable, "-m", "pruning", *words, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0:
        told = [event["text"] for event in events if event["event"] == "error"]
        raise StageError(f"python -m pruning {words[0]}: exit status {done.returncode}: {'; '.join(told)}")
    return [event for event in events if event["event"] == "result"][-1]


def report_of(order: Order, pruned: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """Return what was cut and what it cost as markdown."""
    base, cut = measured["models"].values()
    units = {metric.name: metric.unit for metric in METRICS}
    rows = [(name, _shown(base.get(name)), _shown(cut[name]), units.get(name, "")) for name in cut]
    zeros = "" if pruned["physical"] else " The shapes stay: what went is zero."
    told = (
        f"Removed {pruned['achieved_ratio']:.4f} of what the method may remove ({pruned['scope']}).{zeros} "
        "Measured on the checkpoint as it was saved and read back."
    )
    head = f"# {escape(order.model)}: {order.method} at {order.ratio:g}"
    return "\n\n".join([head, told, table(("Metric", "Base", "Pruned", "Unit"), rows)]) + "\n"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"
