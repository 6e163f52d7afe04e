"""Small causal language models that this project trained itself, and the artificial language they speak.

They give the whole pipeline real weights and real damage without a network. The language is a probabilistic grammar
with stored knowledge, so its entropy is known exactly and a model's loss can be compared with the best possible one.
Importing this package loads neither torch nor transformers.
"""

from pathlib import Path

from pruning.reference.language import LANGUAGE_VERSION
from pruning.reference.splits import ReferenceText, Split, prompts, windows

REFERENCE_MODELS: tuple[str, ...] = ("llama", "gpt2", "opt", "bloom", "gpt_neox")

_MODELS_FOLDER = Path(__file__).resolve().parents[2] / "reference_models"


def model_folder(name: str) -> Path:
    """The checkpoint folder of a reference model. Raises ValueError for an unknown name."""
    if name not in REFERENCE_MODELS:
        raise ValueError(f"reference model: expected one of {', '.join(REFERENCE_MODELS)}, got {name!r}")
    return _MODELS_FOLDER / name


__all__ = [
    "LANGUAGE_VERSION",
    "REFERENCE_MODELS",
    "ReferenceText",
    "Split",
    "model_folder",
    "prompts",
    "windows",
]
