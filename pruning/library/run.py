"""`benchmark`: the protocol on a user's own model and text."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.inference import without_dropout
from pruning.experiments.specification import PROTOCOL_VERSION, TextSizes
from pruning.library.given import Given, ModelLike, check_counts, given_model, in_fp32
from pruning.library.split import Texts, split_texts
from pruning.library.texts import TextLike

if TYPE_CHECKING:
    import torch
    from pandas import DataFrame
    from transformers import PreTrainedTokenizerBase

    from pruning.evaluation.observe import Extras
    from pruning.library.trial import Bench, Ended, Trial


def run_benchmark(
    model: ModelLike,
    methods: Sequence[str],
    ratios: Sequence[float],
    text: TextLike | None,
    *,
    tokenizer: "PreTrainedTokenizerBase | None",
    calibration: TextLike | None,
    seeds: int,
    sizes: TextSizes,
    repeats: int,
    extras: "Extras | None",
    progress: bool,
) -> "DataFrame":
    """See `pruning.benchmark`."""
    from pruning.library.table import table
    from pruning.library.trial import Bench, trials

    check_counts(seeds=seeds, repeats=repeats, **vars(sizes))
    given = given_model(model, tokenizer)
    texts = split_texts(given, text, calibration, sizes, seeds)
    planned = trials(methods, ratios, seeds, texts.calibration)
    with _ready(given) as ready:
        bench = Bench(ready, texts, repeats, extras, _dense_logits(ready, texts))
        ended = [*_ended(bench, planned, progress=progress)]
    facts = {
        "protocol_version": PROTOCOL_VERSION,
        "evaluation": texts.evaluation.text_hash if texts.evaluation else None,
        "evaluation_windows": len(texts.evaluation.windows) if texts.evaluation else 0,
        "calibration_windows": len(texts.calibration.windows(0)),
    }
    return table(given.name, ended, facts)


@contextmanager
def _ready(given: Given) -> Iterator[Given]:
    """Lend the model in fp32 (a copy where it is not), without dropout, on one thread, as in an experiment."""
    from pruning.evaluation.timing import one_thread

    model = in_fp32(given.model)
    with without_dropout(model), one_thread():
        yield replace(given, model=model)


def _dense_logits(given: Given, texts: Texts) -> "tuple[torch.Tensor, ...] | None":
    """Return the dense model's answers to the evaluation text where they are few and read by more than one trial."""
    from pruning.adapters import find_adapter
    from pruning.errors import UnsupportedModelError
    from pruning.evaluation.observe import predicts_text
    from pruning.evaluation.scoring import kept_logits

    try:
        predicts = predicts_text(given.model, find_adapter(given.model))
    except UnsupportedModelError:
        return None  # every trial says so itself
    return kept_logits(given.model, texts.evaluation.windows) if texts.evaluation and predicts else None


def _ended(bench: "Bench", planned: "Sequence[Trial]", *, progress: bool) -> "Iterator[Ended]":
    from pipeline.progress import make_progress
    from pruning.library.trial import perform_trial

    if not progress:
        yield from (perform_trial(bench, trial) for trial in planned)
        return
    with closing(make_progress()) as speaker, speaker.track("benchmark", len(planned)) as track:
        for trial in planned:
            yield perform_trial(bench, trial)
            track.advance(f"{trial.method} {trial.ratio:g}")
