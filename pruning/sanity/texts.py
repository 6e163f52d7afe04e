"""Whether the text that a method looked at is apart from the text that it is measured on."""

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean, stdev

from pruning.sanity.records import Check, answer
from pruning.texts import Text

# About a sentence of the reference language: runs this long are seldom the same by chance (1 to 2 % of them between
# independent texts of 64 and 96 windows), yet often enough that the share expected by chance can be measured. Of 13
# tokens, a length in use for web text, 1 in 1,000 recurs, so that the expected share itself would be chance.
GRAM = 8
# What a share may be over the expected one beside its chance: one copied window of a hundred.
ALLOWED_EXCESS = 0.01

Windows = Sequence[Sequence[int]]


def text_apart(calibration: Text, evaluation: Text) -> Check:
    """Check that no window is in both texts, by content."""
    shared = len({*map(tuple, calibration.windows)} & {*map(tuple, evaluation.windows)})
    apart = calibration.text_hash != evaluation.text_hash and shared == 0
    detail = (
        f"expected no common window, got {shared} of {len(evaluation.windows)}; texts {calibration.text_hash[:8]} and "
        f"{evaluation.text_hash[:8]}"
    )
    return answer("text_apart", apart, detail)


def text_overlap(calibration: Text, evaluation: Text, independent: Text) -> Check:
    """Check that runs of 8 tokens of the evaluation text are in the calibration text no more often than by chance.

    Chance is their share in `independent`, another draw of evaluation text of the calibration text's size; allowed are
    one hundredth more and three standard errors over windows.
    """
    found = gram_shares(evaluation.windows, calibration.windows)
    expected = gram_shares(evaluation.windows, independent.windows)
    if not found:
        return Check("text_overlap", "not_applicable", f"no window has {GRAM} tokens")
    most = fmean(expected) + ALLOWED_EXCESS + 3 * (_standard_error(found) + _standard_error(expected))
    detail = (
        f"{fmean(found):.4f} of runs of {GRAM} tokens are in the calibration text too; {fmean(expected):.4f} are in "
        f"another draw of evaluation text, at most {most:.4f} allowed"
    )
    return answer("text_overlap", fmean(found) <= most, detail)


def gram_shares(windows: Windows, other: Windows) -> list[float]:
    """Return, for each window of at least 8 tokens, the share of its runs of 8 tokens that `other` has, in [0, 1]."""
    known = {gram for window in other for gram in _grams(window)}
    shares = []
    for window in windows:
        mine = [*_grams(window)]
        if mine:
            shares.append(sum(gram in known for gram in mine) / len(mine))
    return shares


def _grams(window: Sequence[int]) -> Iterable[tuple[int, ...]]:
    return (tuple(window[start : start + GRAM]) for start in range(len(window) - GRAM + 1))


def _standard_error(values: Sequence[float]) -> float:
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
