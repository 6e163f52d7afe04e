"""Writing a trained model as an ordinary checkpoint folder, whole or not at all."""

import json
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import exp
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedModel

from pipeline.errors import UsageError
from pruning.reference import training
from pruning.reference.card import model_card
from pruning.reference.language import LANGUAGE_VERSION, expectation
from pruning.reference.recipes import CONTEXT_TOKENS, Recipe
from pruning.reference.splits import ReferenceText, windows
from pruning.reference.tokenizer import write_tokenizer
from pruning.reference.training import Budget, CurvePoint
from pruning.reference.vocabulary import BOS_ID, EOS_ID, PAD_ID

EVALUATION_WINDOWS = 256
MOST_NEW_TOKENS = 64


@dataclass(frozen=True)
class TrainingRecord:
    """What training.json holds: how the model was made and what it reaches, measured on the saved weights."""

    name: str
    parameters: int
    """Tied weights once."""
    weight_bytes: int
    """Size of model.safetensors."""
    seed: int
    steps: int
    seconds: float
    trained_tokens: int
    learning_rate: float
    language_version: str
    language_entropy: float
    """Nats per token of the language, exact, from the grammar."""
    evaluation_windows: int
    evaluation_tokens: int
    evaluation_text_hash: str
    untrained_loss: float
    """Nats per token on the evaluation windows before training."""
    evaluation_loss: float
    """Nats per token on the evaluation windows, from the float16 file, computed in float32."""
    evaluation_floor: float
    """Nats per token of a perfect model on the same windows."""
    versions: dict[str, str]
    curve: tuple[CurvePoint, ...]

    @property
    def perplexity(self) -> float:
        return exp(self.evaluation_loss)

    @property
    def floor_perplexity(self) -> float:
        return exp(self.evaluation_floor)

    @property
    def ratio(self) -> float:
        """Perplexity over the perfect model's; 1 is perfect."""
        return exp(self.evaluation_loss - self.evaluation_floor)


def train_checkpoint(
    recipe: Recipe,
    folder: Path,
    budget: Budget,
    seed: int,
    report: Callable[[CurvePoint], None],
    overwrite: bool = False,
) -> TrainingRecord:
    """Train a recipe and write it to `folder`, which appears only when it is complete.

    Raises UsageError, before any work, if the folder exists and is not to be overwritten.
    """
    if folder.exists() and not overwrite:
        raise UsageError(f"--output: {folder} exists; name another folder or add --overwrite")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        complete = Path(temporary) / folder.name
        record = _train_into(complete, recipe, budget, seed, report)
        complete.chmod(0o755)
        if folder.exists():
            folder.rename(Path(temporary) / "replaced")
        complete.rename(folder)
    return record


def load_for_evaluation(folder: Path) -> PreTrainedModel:
    """The saved model with its float16 numbers held in float32, which is what a CPU computes fastest and best."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)


def _train_into(
    folder: Path, recipe: Recipe, budget: Budget, seed: int, report: Callable[[CurvePoint], None]
) -> TrainingRecord:
    text = windows("evaluation", EVALUATION_WINDOWS, CONTEXT_TOKENS)
    model = training.build_model(recipe, seed)
    untrained_loss = training.mean_loss(model, text.token_ids)
    curve = training.train(model, recipe, budget, seed, report)
    _save_weights(model, folder)
    write_tokenizer(folder, CONTEXT_TOKENS)
    record = _measure(folder, recipe, seed, text, untrained_loss, curve)
    (folder / "training.json").write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(model_card(recipe, record), encoding="utf-8")
    return record


def _save_weights(model: PreTrainedModel, folder: Path) -> None:
    model.generation_config = GenerationConfig(
        bos_token_id=BOS_ID, eos_token_id=EOS_ID, pad_token_id=PAD_ID, max_new_tokens=MOST_NEW_TOKENS
    )
    model.half()
    model.save_pretrained(folder)
    # safetensors creates its file for the owner alone; weights are read by whom the config is read.
    (folder / "model.safetensors").chmod((folder / "config.json").stat().st_mode)


def _measure(
    folder: Path,
    recipe: Recipe,
    seed: int,
    text: ReferenceText,
    untrained_loss: float,
    curve: tuple[CurvePoint, ...],
) -> TrainingRecord:
    model = load_for_evaluation(folder)
    return TrainingRecord(
        name=recipe.name,
        parameters=sum(weight.numel() for weight in model.parameters()),
        weight_bytes=(folder / "model.safetensors").stat().st_size,
        seed=seed,
        steps=curve[-1].step,
        seconds=curve[-1].seconds,
        trained_tokens=curve[-1].tokens,
        learning_rate=recipe.learning_rate,
        language_version=LANGUAGE_VERSION,
        language_entropy=expectation().nats_per_token,
        evaluation_windows=len(text.token_ids),
        evaluation_tokens=text.predicted_tokens,
        evaluation_text_hash=text.text_hash,
        untrained_loss=untrained_loss,
        evaluation_loss=training.mean_loss(model, text.token_ids),
        evaluation_floor=text.floor_nats_per_token,
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
        },
        curve=curve,
    )
