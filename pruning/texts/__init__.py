"""Calibration and evaluation text for a model, as token ids of its own vocabulary.

Sources: the reference language (for models that use its tokenizer), a text file, a dataset.
"""

from pruning.texts.records import Source, Text
from pruning.texts.reference import (
    NO_TEXT,
    check_window,
    context_of,
    reference_text,
    speaks_reference_language,
    text_for,
)

__all__ = [
    "NO_TEXT",
    "Source",
    "Text",
    "check_window",
    "context_of",
    "reference_text",
    "speaks_reference_language",
    "text_for",
]
