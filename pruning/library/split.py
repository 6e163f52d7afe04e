"""The texts of a benchmark: what is evaluated, and apart from it what calibrated methods see."""

from dataclasses import dataclass

from pipeline.errors import UsageError
from pruning.experiments.specification import TextSizes
from pruning.library.given import Given
from pruning.library.texts import (
    TextLike,
    check_speaks,
    evaluation_text,
    is_reference,
    mask_token_for,
    read_windows,
    text_of,
    window_length,
)
from pruning.texts import Text, reference_text
from pruning.texts.choose import check_apart
from pruning.texts.windows import Windows


@dataclass(frozen=True)
class Calibration:
    """Where the `count` calibration windows of a seed come from: a pool, or the reference language.

    `language_tokens` is the length of the language's windows; None = the pool.
    """

    count: int
    pool: Windows = ()
    language_tokens: int | None = None

    @property
    def drawn(self) -> bool:
        """Whether each seed has windows of its own."""
        return self.language_tokens is not None or len(self.pool) > self.count

    def windows(self, seed: int) -> Windows:
        """Return the windows of a seed: of the pool those after the previous seed's, its first after its last.

        Empty without a text.
        """
        if self.language_tokens is not None:
            return reference_text("calibration", self.count, self.language_tokens, seed).windows
        if not self.drawn:
            return self.pool
        return tuple(self.pool[(seed * self.count + place) % len(self.pool)] for place in range(self.count))


@dataclass(frozen=True)
class Texts:
    """`evaluation` None = there is none."""

    evaluation: Text | None
    calibration: Calibration


def split_texts(
    given: Given, text: TextLike | None, calibration: TextLike | None, sizes: TextSizes, seeds: int
) -> Texts:
    """Return the texts of a benchmark of so many seeds.

    Without a calibration text, evaluation has the first windows of the text and calibration what follows; a text that
    is too short for both serves both in proportion. A `Text` is evaluated whole. Raises `UsageError` for what is no
    text, for a text to split of one window, and when a window is in both texts; `UnsupportedModelError` when the model
    does not speak the reference language.
    """
    wanted = sizes.calibration_windows * seeds
    if is_reference(text if calibration is None else calibration):
        check_speaks(given)
        source = Calibration(sizes.calibration_windows, language_tokens=window_length(given, sizes.window_tokens))
        return Texts(_evaluation(given, text, sizes), source)
    if calibration is None and text is not None and not isinstance(text, Text):
        windows = read_windows(given, text, sizes.window_tokens, sizes.evaluation_windows + wanted)
        return _halves(windows, mask_token_for(given, text), sizes)
    pool = () if calibration is None else read_windows(given, calibration, sizes.window_tokens, wanted)
    return _apart(_evaluation(given, text, sizes), Calibration(sizes.calibration_windows, pool))


def _evaluation(given: Given, text: TextLike | None, sizes: TextSizes) -> Text | None:
    return None if text is None else evaluation_text(given, text, sizes.window_tokens, sizes.evaluation_windows)


def _halves(windows: Windows, mask_token: int | None, sizes: TextSizes) -> Texts:
    count = min(sizes.evaluation_windows, _share(len(windows), sizes))
    return _apart(text_of(windows[:count], mask_token), Calibration(sizes.calibration_windows, windows[count:]))


def _share(windows: int, sizes: TextSizes) -> int:
    """Return evaluation's share of so many windows: at least one, and not all."""
    if windows < 2:
        raise UsageError(
            f"expected text of at least two windows of {sizes.window_tokens} tokens, one to calibrate and one to "
            "evaluate with, got one; give more text, shorter windows (window_tokens=) or another text (calibration=)"
        )
    both = sizes.evaluation_windows + sizes.calibration_windows
    return min(max(1, windows * sizes.evaluation_windows // both), windows - 1)


def _apart(evaluation: Text | None, calibration: Calibration) -> Texts:
    check_apart(Text(calibration.pool, "", None, "the calibration text"), evaluation)
    return Texts(evaluation, calibration)
