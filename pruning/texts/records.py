"""What a text is, and what a source gives."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

REFERENCE_LANGUAGE = "the reference language"


@dataclass(frozen=True)
class Text:
    """Windows of token ids; the first token of each is given, the others are predicted.

    `floor_nats_per_token` is the exact entropy of the text's source on these tokens; None = unknown. `source` is for
    people. `stride`: a window begins so many tokens after the one before, and of all but the first only the last
    `stride` tokens are scored, the others being context that was scored before; None = windows do not overlap.
    `mask_token` is what hides a token from a masked language model; None = the vocabulary has none.
    """

    windows: tuple[tuple[int, ...], ...]
    text_hash: str
    floor_nats_per_token: float | None
    source: str = REFERENCE_LANGUAGE
    stride: int | None = None
    mask_token: int | None = None

    @property
    def scored_from(self) -> tuple[int, ...]:
        """Return the position of the first scored token of each window, at least 1: the first is never predicted."""
        if self.stride is None:
            return (1,) * len(self.windows)
        return (1, *(max(1, len(window) - self.stride) for window in self.windows[1:]))

    @property
    def scored_tokens(self) -> tuple[int, ...]:
        """Return how many tokens of each window are scored."""
        return tuple(len(window) - first for window, first in zip(self.windows, self.scored_from, strict=True))


@dataclass(frozen=True)
class Source:
    """Where text comes from. `place` is an absolute path, or a dataset's id on the Hub; empty for the language.

    Two equal sources are one text.
    """

    kind: Literal["reference", "file", "dataset"]
    place: str = ""
    config: str = ""
    split: str = ""

    @property
    def name(self) -> str:
        """Return the source in the words that a user writes it in."""
        if self.kind == "reference":
            return REFERENCE_LANGUAGE
        return self._with_parts(self.place)

    @property
    def public_name(self) -> str:
        """Return the name without the folders of this machine."""
        local = self.place.startswith("/")
        return self._with_parts(self.place.rpartition("/")[2] if local else self.place) or self.name

    def _with_parts(self, place: str) -> str:
        config, split = (f"/{self.config}" if self.config else ""), (f":{self.split}" if self.split else "")
        return f"{place}{config}{split}"


@dataclass(frozen=True)
class Pieces:
    """The text of a source, read as far as it is asked for.

    `whole`: every piece is a document; otherwise together they are one.
    """

    texts: Generator[str, None, None]
    whole: bool
