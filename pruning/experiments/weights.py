"""Weights of representatives that the Hub has, at the revision that was mined, in huggingface_hub's cache."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.errors import StageError, UsageError
from pipeline.progress import Progress
from pipeline.settings import Settings
from pruning.analyses.plan import make_analysis_plan
from pruning.experiments.candidates import CandidateRow, candidates, folder_of
from pruning.experiments.plan import make_plan
from store import Store

SMALL_FILES = ("*.json", "tokenizer.model", "*.txt")
WEIGHT_FILES = (*SMALL_FILES, "*.safetensors")


@dataclass(frozen=True)
class Fetched:
    """How many models came, and which may come another time."""

    models: int
    later: tuple[str, ...]


def fetch(store: Store, settings: Settings, progress: Progress, *, weights: bool) -> int:
    """Download what is to be worked on and return how many models came; one that cannot be had is told.

    Config and tokenizer come for every representative of the Hub: a plan names experiments by the texts that a model
    can read. Weights come for the models of open experiments and analyses alone. Raises `UsageError` when the Hub may
    not be asked, and, where weights are wanted, `StageError` when something did not come for a reason that passes: to
    go on would refuse for good what the next run can do.
    """
    rows = [row for row in candidates(store, settings).models if row.source == "hub" and row.location is None]
    if rows and settings.offline:
        raise UsageError("--offline: expected a run that may ask the Hub for the weights of its models")
    configs = _download([row for row in rows if folder_of(row) is None], SMALL_FILES, progress)
    if not weights:
        return configs.models
    _check_came(configs, "config and tokenizer")
    fetched = _download(_open_ones(rows, store, settings), WEIGHT_FILES, progress)
    _check_came(fetched, "the weights")
    return fetched.models


def _check_came(fetched: Fetched, what: str) -> None:
    if fetched.later:
        raise StageError(f"{what} of {', '.join(fetched.later)} did not come; the same command tries again")


def _open_ones(rows: Iterable[CandidateRow], store: Store, settings: Settings) -> list[CandidateRow]:
    experiments = {
        (each.specification.model_id, each.specification.revision) for each in make_plan(store, settings).todo
    }
    analyses = () if settings.only else make_analysis_plan(store, settings).todo
    found = experiments | {(each.order.specification.model_id, each.order.specification.revision) for each in analyses}
    return [row for row in rows if (row.model_id, row.revision) in found]


def _download(rows: Sequence[CandidateRow], patterns: Sequence[str], progress: Progress) -> Fetched:
    from huggingface_hub.utils import disable_progress_bars

    from hub import PASSING, Hub, HubError, Policy

    disable_progress_bars()  # ours counts the models
    models, later = 0, list[str]()
    with Hub(Policy()) as hub, progress.track("fetch", len(rows)) as track:
        for row in rows:
            try:
                hub.snapshot(row.model_id, patterns, revision=row.revision)
                models += 1
            except HubError as error:
                progress.error(f"{row.model_id}: {error.kind}: {error.detail}")
                later += [row.model_id] if error.kind in PASSING else []
            track.advance(row.model_id)
    return Fetched(models, tuple(later))
