"""Writes docs/METRICS.md from the list of metrics: `python -m tools.metrics`."""

from collections.abc import Iterable
from pathlib import Path

from pruning.evaluation import METRICS, Metric

PAGE = Path(__file__).resolve().parent.parent / "docs" / "METRICS.md"

_HEAD = """# Metrics

Written from `pruning/evaluation/__init__.py` by `python -m tools.metrics`. A metric that does not apply to a model has
no number; it is never zero.

| metric | unit | better | what it is | source |
|---|---|---|---|---|
"""
_TAIL = """
`task:NAME:acc` (unit 1, higher): share of lines of `NAME.jsonl` that a model has right, by lm-evaluation-harness
(`--tasks FOLDER`, `pruning.evaluation.tasks.run_tasks`, extra `tasks`); interval over lines; a minimal pair of
equally likely sentences counts half. `--tasks reference` makes the file: 200 minimal pairs of the reference language.
Energy is measured with `--energy COUNTRY` (extra `energy`), pictures with `--images FOLDER`, overlapping windows with
`--stride N`.

Which metrics a model gets follows from the kind of its main stack:

- a decoder: what is scored on its text, what it writes, and decoding where it keeps a cache; without a
  text, or a head that predicts tokens, agreement on noise;
- an encoder that fills gaps: pseudo-perplexity where the text names a mask token, and agreement on noise;
- any other: agreement on noise, and on pictures where they are supplied;
- all: sizes, memory, operations and the time of a forward pass.

Times are processor time of one thread on a CPU and the clock on a GPU. Intervals are 95 %, percentile bootstrap with
2,000 seeded draws of windows. Generated text goes on after an end of text, so that all have one length; sampling is at
temperature 1. Energy is no measurement on a CPU whose counters cannot be read: it is the processor's nominal power
times the load of this process.
"""


def metrics_page(metrics: Iterable[Metric]) -> str:
    """Return the page as markdown."""
    rows = (
        f"| `{metric.name}` | {metric.unit} | {metric.direction} | {metric.meaning} | {metric.source} |\n"
        for metric in metrics
    )
    return "".join((_HEAD, *rows, _TAIL))


def main() -> None:
    """Write the file."""
    PAGE.write_text(metrics_page(METRICS), encoding="utf-8")


if __name__ == "__main__":
    main()
