"""A user's model: one in memory, or the name of a checkpoint."""

import copy
from dataclasses import dataclass
from functools import cached_property
from math import inf
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Union

from pipeline.errors import UsageError
from pruning.reference.vocabulary import TOKEN_IDS
from pruning.texts.reference import CONTEXT_FIELDS

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ModelLike = Union["PreTrainedModel", str, Path]


@dataclass(frozen=True)
class Given:
    """A model in memory. `dtype` is how its weights are stored, for the bytes; `folder` is where it came from."""

    model: "PreTrainedModel"
    name: str
    dtype: "torch.dtype"
    folder: Path | None
    given_tokenizer: "PreTrainedTokenizerBase | None"

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """The tokenizer given, or that of the folder. Raises `UsageError` without, `UnsupportedModelError`."""
        from pruning.models import load_tokenizer

        if self.given_tokenizer is not None:
            return self.given_tokenizer
        if self.folder is None:
            raise UsageError(
                f"text for {self.name} needs tokenizer=..., or give windows of token ids, such as "
                "tokenizer(texts)['input_ids']"
            )
        return load_tokenizer(self.folder)

    def speaks_reference_language(self) -> bool:
        """Return whether its tokenizer has the reference language's vocabulary."""
        known = self.given_tokenizer is not None or self.folder is not None
        return known and self.tokenizer.get_vocab() == dict(TOKEN_IDS)

    @property
    def context(self) -> float:
        """The longest input, tokens; infinite when its config names no limit.

        Embeddings of positions with one for padding (RoBERTa's) begin to count behind it.
        """
        from torch.nn import Embedding

        config = self.model.config.get_text_config()
        named = (getattr(config, name, None) for name in CONTEXT_FIELDS)
        counted = (
            each.num_embeddings - each.padding_idx - 1
            for name, each in self.model.named_modules()
            if name.endswith("position_embeddings") and isinstance(each, Embedding) and each.padding_idx is not None
        )
        return min((size for size in (*named, *counted) if type(size) is int), default=inf)


def given_model(model: ModelLike, tokenizer: "PreTrainedTokenizerBase | None" = None) -> Given:
    """Return a model in memory as it is, or load the checkpoint that a name or a folder means.

    Raises `UsageError` for a name that is none and for what is no model of transformers.
    """
    from transformers import PreTrainedConfig

    if tokenizer is not None and not callable(tokenizer):
        raise UsageError(
            "tokenizer: expected one in memory, such as AutoTokenizer.from_pretrained(...), got "
            f"{type(tokenizer).__name__}"
        )
    if isinstance(model, str | Path):
        return _loaded(str(model), tokenizer)
    if not isinstance(getattr(model, "config", None), PreTrainedConfig):
        raise UsageError(
            "expected a model in memory, such as AutoModelForCausalLM.from_pretrained(...), or a checkpoint's name, "
            f"got {type(model).__name__}"
        )
    path = model.name_or_path or ""
    folder = Path(path) if path and Path(path).is_dir() else None
    return Given(model, path.rstrip("/").rpartition("/")[2] or type(model).__name__, model.dtype, folder, tokenizer)


def in_fp32(model: "PreTrainedModel") -> "PreTrainedModel":
    """Return a model in the precision that everything is measured in: itself, or a copy where it has another."""
    import torch

    widened = any(each.is_floating_point() and each.dtype != torch.float32 for each in model.parameters())
    return copy.deepcopy(model).float() if widened else model


def check_counts(**counts: int) -> None:
    """Raise `UsageError` for what is no whole number of at least 1."""
    for name, count in counts.items():
        if not isinstance(count, Integral) or count < 1:
            raise UsageError(f"{name}: expected at least 1, a whole number, got {count!r}")


def _loaded(name: str, tokenizer: "PreTrainedTokenizerBase | None") -> Given:
    from pruning.models import load_model, resolve, stored_dtype

    found = resolve(name)
    return Given(load_model(found.folder), found.name, stored_dtype(found.folder), found.folder, tokenizer)
