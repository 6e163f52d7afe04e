"""Training on picomodels: the loss falls, the folder is whole or absent, equal seeds give equal models."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.errors import UsageError
from pruning.reference import checkpoint
from pruning.reference.checkpoint import TrainingRecord, train_checkpoint
from pruning.reference.recipes import RECIPES, Recipe, recipe_named
from pruning.reference.training import (
    IGNORED,
    Budget,
    CurvePoint,
    build_model,
    build_optimizers,
    learning_rate_factor,
    pad_windows,
    sinusoids,
    train,
)
from pruning.reference.vocabulary import EOS_ID

TINY_LLAMA = replace(
    recipe_named("llama"),
    architecture={
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 128,
    },
)


@pytest.fixture(autouse=True)
def few_evaluation_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVALUATION_WINDOWS", 16)


def ignore(point: CurvePoint) -> None:
    """Report nothing."""


def train_tiny(folder: Path, steps: int = 20, overwrite: bool = False) -> TrainingRecord:
    return train_checkpoint(TINY_LLAMA, folder, Budget(steps), seed=3, report=ignore, overwrite=overwrite)


def test_loss_falls_and_the_checkpoint_reloads(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    record = train_tiny(folder)
    assert record.evaluation_floor < record.evaluation_loss < record.untrained_loss - 0.5
    assert record.curve[-1].loss < record.curve[0].loss
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    assert model.dtype == torch.float16
    assert sum(weight.numel() for weight in model.parameters()) == record.parameters
    assert AutoTokenizer.from_pretrained(folder, local_files_only=True).eos_token_id == EOS_ID
    assert json.loads((folder / "training.json").read_text())["evaluation_loss"] == record.evaluation_loss
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_equal_seeds_give_equal_models() -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        model = build_model(TINY_LLAMA, seed)
        train(model, TINY_LLAMA, Budget(3), seed, ignore)
        return list(model.parameters())

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(left, right) for left, right in zip(first, again, strict=True))
    assert not all(torch.equal(left, right) for left, right in zip(first, other, strict=True))


def test_an_existing_folder_is_kept_unless_told(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "precious").touch()
    with pytest.raises(UsageError, match="--overwrite"):
        train_tiny(folder)
    assert (folder / "precious").exists()
    train_tiny(folder, steps=1, overwrite=True)
    assert not (folder / "precious").exists()


def test_an_interrupted_training_leaves_nothing(tmp_path: Path) -> None:
    def stop(point: CurvePoint) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_checkpoint(TINY_LLAMA, tmp_path / "tiny", Budget(20), seed=0, report=stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_weight_is_trained_once(recipe: Recipe) -> None:
    model = build_model(recipe, seed=0)
    groups = [group["params"] for optimizer in build_optimizers(model, 0.01) for group in optimizer.param_groups]
    given = [id(weight) for group in groups for weight in group]
    assert sorted(given) == sorted(id(weight) for weight in model.parameters())
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    matrices = {id(weight) for weight in groups[-1]}
    assert not matrices & embeddings
    # Exactly the matrices of the layers go to Muon, whatever their share in a model of this width.
    assert matrices == {id(weight) for weight in model.parameters() if weight.dim() == 2} - embeddings


def test_padding_is_shifted_and_ignored() -> None:
    inputs, targets = pad_windows([(1, 5, 6, 2), (1, 7, 2)])
    assert inputs.tolist() == [[1, 5, 6], [1, 7, EOS_ID]]
    assert targets.tolist() == [[5, 6, 2], [7, 2, IGNORED]]


def test_the_budget_ends_with_steps_or_time() -> None:
    assert Budget(100).progress(25, 1e9) == 0.25
    assert Budget(100, minutes=1).progress(25, 30) == 0.5
    assert Budget(100, minutes=1).progress(300, 0) == 1.0


def test_learning_rate_warms_up_and_ends_at_zero() -> None:
    factors = [learning_rate_factor(step / 1000) for step in range(1001)]
    assert factors[0] == factors[-1] == 0
    assert max(factors) == pytest.approx(1)
    assert min(factors) >= 0


def test_sinusoids_depend_on_distance_alone() -> None:
    table = sinusoids(30, 16).double()
    products = table @ table.T
    for distance in range(1, 10):
        diagonal = products.diagonal(distance)
        assert torch.allclose(diagonal, diagonal[:1], atol=1e-6)
