"""Which text a command uses: what its flags name, in the vocabulary of its model; calibration apart from evaluation."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError
from pruning.errors import UnsupportedModelError
from pruning.json_file import read_object
from pruning.reference.splits import SHORTEST_WINDOW
from pruning.texts.dataset import dataset_pieces
from pruning.texts.file import file_pieces
from pruning.texts.records import Pieces, Source, Text
from pruning.texts.reference import NO_TEXT, context_of, text_for
from pruning.texts.windows import hash_of_token_ids, packed_windows

DEFAULT_SPLIT = "train"


@dataclass(frozen=True)
class TextPlan:
    """The texts that were asked for; a source of None is the reference language where the model speaks it.

    `evaluation_stride` is for files and datasets, tokens: the windows of the reference language hold whole documents.
    """

    calibration: Source | None
    evaluation: Source | None
    calibration_windows: int
    evaluation_windows: int
    window_tokens: int
    offline: bool = False
    seed: int = 0  # draws calibration text of the reference language
    evaluation_stride: int | None = None

    @property
    def shared(self) -> bool:
        """Return whether one file or one split of a dataset serves both: evaluation has its first windows then."""
        return self.calibration is not None and self.calibration == self.evaluation and self.calibration.place != ""


def read_source(option: str, given: str | None) -> Source | None:
    """Return the source that a flag names: `reference`, a file, a folder, or OWNER/NAME[/CONFIG][:SPLIT].

    None = not given. Raises `UsageError` for a file that is not there.
    """
    if given is None:
        return None
    if given == "reference":
        return Source("reference")
    path = Path(given).expanduser()
    if path.is_file():
        return Source("file", str(path.resolve()))
    if path.suffix == ".txt":
        raise UsageError(f"{option}: no file {given!r}")
    name, _, split = (given, "", "") if path.is_dir() else given.partition(":")
    return _dataset(option, given, name, split or DEFAULT_SPLIT)


def _dataset(option: str, given: str, name: str, split: str) -> Source:
    from hub import valid_id

    folder = Path(name).expanduser()
    if folder.is_dir():
        return Source("dataset", str(folder.resolve()), "", split)
    owner_and_name, config = "/".join(name.split("/")[:2]), "/".join(name.split("/")[2:])
    if "/" not in name or not valid_id(owner_and_name) or "/" in config:
        raise UsageError(
            f"{option}: expected reference, a text file, a folder or OWNER/NAME[/CONFIG][:SPLIT] of a dataset, got "
            f"{given!r}"
        )
    return Source("dataset", owner_and_name, config, split)


def evaluation_text(folder: Path, plan: TextPlan) -> Text | None:
    """Return the text that a model is measured on; None when none was asked for and there is none.

    Raises `UsageError` and `UnsupportedModelError` when it was asked for and cannot be had.
    """
    if plan.evaluation is None or plan.evaluation.kind == "reference":
        if plan.evaluation_stride is not None:
            raise UsageError(
                "stride: expected a text file or a dataset to slide over; the windows of the reference language hold "
                "whole documents"
            )
        found = text_for(folder, "evaluation", plan.evaluation_windows, plan.window_tokens)
        return _as_asked(found, plan.evaluation)
    count, stride = plan.evaluation_windows, plan.evaluation_stride
    return _read(folder, plan.evaluation, plan, skip=0, count=count, stride=stride)


def calibration_text(folder: Path, plan: TextPlan) -> Text | None:
    """Return the text that methods look at, as `evaluation_text` does; of a shared source what follows evaluation."""
    if plan.calibration is None or plan.calibration.kind == "reference":
        found = text_for(folder, "calibration", plan.calibration_windows, plan.window_tokens, plan.seed)
        return _as_asked(found, plan.calibration)
    skip = plan.evaluation_windows if plan.shared else 0
    return _read(folder, plan.calibration, plan, skip=skip, count=plan.calibration_windows)


def check_apart(calibration: Text | None, evaluation: Text | None) -> None:
    """Raise `UsageError` when a window is in both texts: a model must not be measured on what it was fitted to."""
    if calibration is None or evaluation is None:
        return
    both = {*calibration.windows} & {*evaluation.windows}
    if both:
        raise UsageError(
            f"calibration and evaluation text must not overlap; {calibration.source} and {evaluation.source} have "
            f"{len(both)} windows of {len({*evaluation.windows})} in common"
        )


def _as_asked(found: Text | None, asked: Source | None) -> Text | None:
    if found is None and asked is not None:
        raise UnsupportedModelError(NO_TEXT)
    return found


def _read(folder: Path, source: Source, plan: TextPlan, *, skip: int, count: int, stride: int | None = None) -> Text:
    from pruning.models import load_tokenizer

    length = min(plan.window_tokens, context_of(folder))
    if length < SHORTEST_WINDOW:
        raise UnsupportedModelError(f"expected a context of at least {SHORTEST_WINDOW} tokens, got {length}")
    tokenizer = load_tokenizer(folder)
    name = source.name
    windows = packed_windows(
        _pieces(source, plan), tokenizer, length=int(length), skip=skip, count=count, name=name, stride=stride
    )
    _check_vocabulary(folder, (token for window in windows for token in window))
    mask = tokenizer.mask_token_id
    return Text(
        windows,
        hash_of_token_ids(windows, stride),
        None,
        source.public_name,
        stride,
        mask if isinstance(mask, int) else None,
    )


def _pieces(source: Source, plan: TextPlan) -> Pieces:
    if source.kind == "file":
        return file_pieces(Path(source.place))
    return dataset_pieces(source, offline=plan.offline)


def _check_vocabulary(folder: Path, tokens: Iterable[int]) -> None:
    """Raise `UnsupportedModelError` when the tokenizer makes tokens that the model has no embedding for."""
    config = read_object(folder / "config.json")
    text_config = config.get("text_config")
    size = config.get("vocab_size") or (text_config.get("vocab_size") if isinstance(text_config, dict) else None)
    largest = max(tokens)
    if type(size) is int and largest >= size:
        raise UnsupportedModelError(
            f"{folder.name}: its tokenizer makes token {largest:,}, its vocabulary has {size:,}: they do not belong "
            "together"
        )
