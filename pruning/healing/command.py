"""What `heal` does: train a pruned checkpoint, measure it before and after, save it with its card continued."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.progress import Progress
from pipeline.settings import Settings
from pruning.card import measured_table, text_lines
from pruning.devices import command_device
from pruning.evaluation import Measurement
from pruning.healing.records import Healed
from pruning.model_commands import Texts, choose_texts, measured, text_plan
from pruning.models import resolve
from pruning.numbers import table, values
from pruning.texts import Text, check_window


@dataclass(frozen=True)
class HealOrder:
    """What `heal` was asked, beside the settings; `learning_rate` None = the default of the kind of training."""

    model: str
    base: str
    output: Path
    overwrite: bool
    steps: int
    learning_rate: float | None
    full: bool
    calibration: str | None
    evaluation: str | None


def heal_command(order: HealOrder, settings: Settings, progress: Progress) -> None:
    """Heal one checkpoint, save it, and say what it gained, beside the model that it was pruned from."""
    from pruning.checkpoint import check_output

    device = command_device(settings.device)
    check_window(settings.window_tokens)
    plan = text_plan(order.calibration, order.evaluation, settings)
    pruned, base = (resolve(name, offline=settings.offline) for name in (order.model, order.base))
    check_output(order.output, overwrite=order.overwrite)
    texts = choose_texts(pruned, plan, progress, calibrated=True)
    assert texts.calibration

    import copy

    from pruning.checkpoint import round_weights, save_checkpoint
    from pruning.healing.train import heal
    from pruning.models import load_model, stored_dtype

    dtype = stored_dtype(pruned.folder)
    dense = load_model(base.folder).to(device)  # pyright: ignore[reportArgumentType]  # its stub knows no str
    sick = load_model(pruned.folder).to(device)  # pyright: ignore[reportArgumentType]
    model = copy.deepcopy(sick)
    healed = heal(
        model,
        texts.calibration.windows,
        steps=order.steps,
        learning_rate=order.learning_rate,
        full=order.full,
        seed=settings.seed,
    )
    round_weights(model, dtype)
    columns = {
        "base": measured(dense, None, base, texts.evaluation, settings),
        "pruned": measured(sick, dense, pruned, texts.evaluation, settings),
        "healed": measured(model, dense, pruned, texts.evaluation, settings),
    }
    card = healed_card(pruned.folder, healed, texts.named(), columns["pruned"], columns["healed"], device)
    save_checkpoint(model.cpu(), pruned.folder, order.output, dtype=dtype, card=card, overwrite=order.overwrite)
    _say(order, healed, columns, texts, progress)


def _say(
    order: HealOrder,
    healed: Healed,
    columns: Mapping[str, Mapping[str, Measurement]],
    texts: Texts,
    progress: Progress,
) -> None:
    progress.result(
        f"{healed.sentence()}\n{table(columns)}\nsaved to {order.output}",
        full=healed.full,
        steps=healed.steps,
        learning_rate=healed.learning_rate,
        loss_before=healed.loss_before,
        loss_after=healed.loss_after,
        zeros=healed.zeros,
        texts=texts.hashes(),
        output=str(order.output),
        **{name: values(numbers) for name, numbers in columns.items()},
    )


def healed_card(
    folder: Path,
    healed: Healed,
    texts: Mapping[str, Text],
    before: Mapping[str, Measurement],
    after: Mapping[str, Measurement],
    device: str,
) -> str:
    """Return the card of the checkpoint that was healed, with a section about that at its end."""
    try:
        card = (folder / "README.md").read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError):
        card = "---\nlibrary_name: transformers\ntags:\n- pruned\n---"
    numbers = measured_table(before, after, device, heads=("pruned", "healed"))
    return f"{card}\n\n## Healed\n\n- {healed.sentence()}\n{text_lines(texts)}\n{numbers}"
