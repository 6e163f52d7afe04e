"""Tasks through lm-evaluation-harness on a model in memory, from files on this machine: an optional extra.

A folder holds one file a task, lines of JSON. What a line holds says what the task is:

- `sentence_good`, `sentence_bad`: minimal pairs (BLiMP, Warstadt et al. 2020); right when the good one is more likely,
  half right when both are equally likely.
- `text`: a passage whose last word is predicted from all before (LAMBADA, Paperno et al. 2016); right when greedy
  decoding writes it.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from io import StringIO
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.inference import without_dropout
from pruning.errors import NotFiniteError
from pruning.evaluation.bootstrap import mean_measurement
from pruning.evaluation.records import Measurement

if TYPE_CHECKING:
    from lm_eval.models.huggingface import HFLM  # pyright: ignore[reportMissingImports]  # an extra
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_NAME = re.compile(r"[\w.-]+")
PAIR_FIELDS = ("sentence_good", "sentence_bad")
_PAIRS: Mapping[str, object] = {
    "output_type": "multiple_choice",
    "doc_to_text": "",
    "doc_to_choice": "{{[sentence_good, sentence_bad]}}",
    "doc_to_target": 0,
    "target_delimiter": "",
}
_LAST_WORD: Mapping[str, object] = {
    "output_type": "loglikelihood",
    "doc_to_text": "{{text.split(' ')[:-1]|join(' ')}}",
    "doc_to_target": "{{' ' + text.split(' ')[-1]}}",
    "target_delimiter": "",
}


def harness_model(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> "HFLM":
    """Return a model in memory as lm-evaluation-harness takes it, one request at a time.

    Raises `UsageError` without lm-eval.
    """
    _check_harness()
    from lm_eval.models.huggingface import HFLM  # pyright: ignore[reportMissingImports]  # an extra

    made: Any = HFLM  # its types do not know its own arguments
    with _quiet():
        return made(pretrained=model, tokenizer=tokenizer, batch_size=1)


def run_tasks(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> dict[str, Measurement]:
    """Return `task:NAME:acc` for every NAME.jsonl of a folder, in alphabetical order, with its interval over lines.

    Nothing is downloaded and no code of a task is run. Raises `UsageError` for a folder without tasks, a line of
    another kind and without lm-eval; `NotFiniteError`.
    """
    configs = _configs(folder)
    _check_harness()
    with without_dropout(model), _quiet(), TemporaryDirectory(prefix="arborist-tasks-") as cache:
        harness = harness_model(model, tokenizer)
        found = {name: _hits(harness, name, config, cache) for name, config in configs.items()}
    return {f"task:{name}:acc": mean_measurement(hits, [1] * len(hits), "1") for name, hits in found.items()}


def check_tasks(folder: Path | None) -> None:
    """Raise `UsageError` for what `run_tasks` cannot run: a folder, None = one to be made; or no lm-eval."""
    if folder is not None:
        _configs(folder)
    _check_harness()


def write_pairs(file: Path, pairs: Sequence[tuple[str, str]]) -> None:
    """Write minimal pairs (good, bad) as a task."""
    lines = [json.dumps(dict(zip(PAIR_FIELDS, pair, strict=True))) for pair in pairs]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _check_harness() -> None:
    if find_spec("lm_eval") is None:
        raise UsageError("tasks: expected lm-eval; pip install 'arborist[tasks]'")


def _configs(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the harness's description of every task of a folder."""
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise UsageError(f"tasks: expected a folder with files NAME.jsonl, got {str(folder)!r}")
    for file in files:
        if not _NAME.fullmatch(file.stem):
            raise UsageError(f"tasks: expected a name of letters, digits, '_', '.' and '-', got {file.name!r}")
    return {file.stem: _config(file) for file in files}


def _config(file: Path) -> dict[str, Any]:
    """Return the harness's description of a task."""
    with file.open(encoding="utf-8") as stream:
        fields = _fields(stream.readline(), file)
    kind = _PAIRS if {*PAIR_FIELDS} <= fields else _LAST_WORD if "text" in fields else None
    if kind is None:
        raise UsageError(
            f"tasks: {file.name}: expected lines with {' and '.join(PAIR_FIELDS)}, or with text; got "
            f"{', '.join(sorted(fields)) or 'nothing'}"
        )
    return {
        "task": file.stem,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(file)}},
        "test_split": "test",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        **kind,
    }


def _fields(line: str, file: Path) -> set[str]:
    try:
        row = json.loads(line or "{}")
    except json.JSONDecodeError as error:
        raise UsageError(f"tasks: {file.name}: expected lines of JSON: {error}") from error
    return {*row} if isinstance(row, dict) else set()


def _hits(harness: "HFLM", name: str, config: dict[str, Any], cache: str) -> list[float]:
    """Return 1 for each line that the model has right, else 0, in the order of the file; an undecided pair is half."""
    from lm_eval.api.task import ConfigurableTask  # pyright: ignore[reportMissingImports]  # an extra
    from lm_eval.evaluator import evaluate  # pyright: ignore[reportMissingImports]  # an extra

    config["dataset_kwargs"]["cache_dir"] = cache
    task = ConfigurableTask(config=config)
    results: Any = evaluate(harness, {name: task}, bootstrap_iters=0, log_samples=True)
    samples = sorted(results["samples"][name], key=lambda sample: sample["doc_id"])
    if any(isnan(value) for sample in samples for value in _likelihoods(sample)):
        raise NotFiniteError(f"task {name}: a log-likelihood is NaN")
    return [0.5 if _undecided(sample) else float(sample["acc"]) for sample in samples]


def _undecided(sample: Mapping[str, Any]) -> bool:
    """Return whether both sentences of a pair are equally likely: the harness then takes the first, the good one."""
    likelihoods = [*_likelihoods(sample)]
    return len(likelihoods) == len(PAIR_FIELDS) and len({*likelihoods}) == 1


def _likelihoods(sample: Mapping[str, Any]) -> Iterator[float]:
    return (float(answer[0]) for answer in sample["filtered_resps"])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the harness's and the datasets' words and bars away."""
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stderr(StringIO()):  # its progress bars
            yield
    finally:
        logger.setLevel(before)
