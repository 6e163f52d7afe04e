"""Whether the dense model's number comes out again: in another process, its windows in another order and company."""

import time
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from pipeline.engines import Engine, Limits, Outcome, Task, engine_for
from pipeline.settings import Settings
from pruning.devices import device_name, device_type, gpus_of, pruning_workers
from pruning.experiments.candidates import candidates, folder_of
from pruning.experiments.specification import TextSizes
from pruning.sanity.records import Check, answer
from pruning.texts import Text, text_for
from store.database import Query, RunHandle, Store
from store.records import CheckRecord, SourceName

NAME = "dense_again"
# Nats per token by which the mean may differ, and any window's mean: sums of fp32 in another order differ by less.
MEAN_TOLERANCE = 1e-5
WINDOW_TOLERANCE = 1e-4
_QUERIES = Path(__file__).resolve().parent / "queries"


@dataclass(frozen=True)
class DenseRow:
    """A dense model's losses that were not found again yet: nats and tokens by window."""

    experiment_key: str
    source: SourceName
    model_id: str
    revision: str
    evaluation: str
    device: str
    nats: list[float]
    tokens: list[int]


OPEN = Query(_QUERIES / "open_dense.sql", DenseRow)


@dataclass(frozen=True)
class Again:
    """A dense model to measure again, on a device as torch calls it."""

    row: DenseRow
    folder: Path
    sizes: TextSizes
    device: str


def check_dense(
    store: Store, handle: RunHandle, settings: Settings, preload: tuple[str, ...], deadline: float | None = None
) -> None:
    """Measure every dense model once more that has not been found again yet, and write a check each.

    One whose folder, text or device is not that of these settings waits for a run where it is, and so does what would
    begin after `deadline`, a moment of `time.monotonic`; None = no limit.
    """
    found = {again.row.experiment_key: again for again in _open(store, settings)}
    if not found:
        return
    engine: Engine = engine_for(settings)
    limits = Limits(settings.experiment_memory, settings.experiment_seconds, gpus=gpus_of(settings))
    workers = pruning_workers(settings)
    tasks = (Task(key, again) for key, again in found.items())
    in_time = takewhile(lambda _: deadline is None or time.monotonic() < deadline, tasks)
    for outcome in engine.run(losses_again, in_time, workers=workers, limits=limits, preload=preload):
        row = found[outcome.key].row
        check = _compared(row, outcome)
        store.insert(
            [CheckRecord(handle.run_id, outcome.key, row.source, row.model_id, check.name, check.outcome, check.detail)]
        )


def _open(store: Store, settings: Settings) -> list[Again]:
    rows = [row for row in store.fetch(OPEN) if row.device == device_type(settings.device)]
    if not rows:
        return []
    folders = {(row.source, row.model_id, row.revision): folder_of(row) for row in candidates(store, settings).models}
    sizes = TextSizes(settings.evaluation_windows, settings.calibration_windows, settings.window_tokens)
    ready = []
    for row in rows:
        folder = folders.get((row.source, row.model_id, row.revision))
        text = _text(folder, sizes) if folder else None
        if folder and text and text.text_hash == row.evaluation:
            ready.append(Again(row, folder, sizes, device_name(settings.device)))
    return ready


def _text(folder: Path, sizes: TextSizes) -> Text | None:
    return text_for(folder, "evaluation", sizes.evaluation_windows, sizes.window_tokens)


def losses_again(again: Again) -> tuple[float, ...]:
    """Return the summed loss of each window, nats, measured from the last window to the first. Runs in a child."""
    import torch

    from pruning.evaluation.scoring import score_windows
    from pruning.models import load_model

    torch.set_num_threads(1)
    text = _text(again.folder, again.sizes)
    assert text is not None
    model = load_model(again.folder).to(again.device)  # pyright: ignore[reportArgumentType]  # its stub knows no str
    scores = score_windows(model, text.windows[::-1], text.scored_from[::-1])
    return scores.losses[::-1]


def _compared(row: DenseRow, outcome: Outcome[tuple[float, ...]]) -> Check:
    if outcome.value is None:
        return Check(NAME, "failed", f"measuring it again ended as {outcome.status}: {outcome.detail}")
    return compare_losses(row.nats, outcome.value, row.tokens)


def compare_losses(first: "list[float]", second: "tuple[float, ...]", tokens: "list[int]") -> Check:
    """Check that two measurements of the same windows agree, in the mean and window by window."""
    if len(first) != len(second):
        return Check(NAME, "failed", f"expected {len(first)} windows, got {len(second)}")
    mean = abs(sum(first) - sum(second)) / sum(tokens)
    worst = max(abs(one - other) / count for one, other, count in zip(first, second, tokens, strict=True))
    detail = (
        f"measured again in another process and order: the mean differs by {mean:.1e} nats per token (at most "
        f"{MEAN_TOLERANCE:.0e}), a window by at most {worst:.1e} (at most {WINDOW_TOLERANCE:.0e})"
    )
    return answer(NAME, mean <= MEAN_TOLERANCE and worst <= WINDOW_TOLERANCE, detail)
