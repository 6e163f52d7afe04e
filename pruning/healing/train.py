"""Training a pruned model for a few steps: low-rank additions (Hu et al. 2021, arXiv 2106.09685), or all of it.

As in LLM-Pruner (Ma et al. 2023, arXiv 2305.11627, section 3.4), which recovers a pruned model by a short LoRA tuning.
The model stays in evaluation mode: nothing is dropped at random.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.adapters.find import find_adapter
from pruning.adapters.parts import Adapter, Projection
from pruning.batches import padded_batch
from pruning.devices import device_of
from pruning.errors import NotFiniteError, UnsupportedModelError
from pruning.evaluation.observe import window_losses
from pruning.healing.records import Healed
from pruning.texts.windows import token_windows

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Windows = Sequence[Sequence[int]]
Masks = dict[str, "torch.Tensor"]

STEPS = 100
RATE, FULL_RATE = 1e-3, 1e-4
RANK = 8
BATCH_WINDOWS = 8
_LARGEST_GRADIENT_NORM = 1.0


def heal(
    model: "PreTrainedModel",
    calibration: Windows,
    *,
    steps: int = STEPS,
    learning_rate: float | None = None,
    full: bool = False,
    seed: int = 0,
) -> Healed:
    """Train a pruned causal language model in place and say what came of it; its shape stays as it is.

    `calibration` are windows of at least two token ids. `full` trains all parameters, otherwise additions of rank 8 to
    the matrices of the layers are trained and merged; stacked experts are left out. What is trained is trained in fp32,
    whatever the dtype of the weights. Prunable weights that are zero are zero afterwards: at every step of a full
    training, after merging otherwise. `learning_rate` falls linearly to zero (None: 1e-3, full 1e-4). The same seed
    gives the same model on the same machine. Raises `UsageError` and `UnsupportedModelError`, the model unchanged then,
    and `NotFiniteError` when the training fails.
    """
    import torch

    rate = learning_rate if learning_rate is not None else (FULL_RATE if full else RATE)
    adapter = find_adapter(model)
    _check_model(adapter)
    calibration = token_windows(model, calibration)
    _check(calibration, steps, rate)
    single = [matrix for matrix in adapter.prunable if matrix.expert is None]
    if not (full or single):
        raise UnsupportedModelError(f"{adapter.model_class}: looked for matrices outside of stacked experts; none")
    before = _mean_loss(model, calibration, "before healing")
    masks = _masks(model, adapter)
    with torch.random.fork_rng(), torch.enable_grad(), _in_fp32(model):
        torch.manual_seed(seed)
        if full:
            _train_all(model, calibration, steps, rate, seed, masks)
        else:
            _train_additions(model, single, calibration, steps, rate, seed)
    _mask(model, masks)
    after = _mean_loss(model, calibration, "after healing; give a smaller --learning-rate")
    left_out = 0 if full else len(adapter.prunable) - len(single)
    zeros = sum(int(mask.sum()) for mask in masks.values())
    return Healed(full, steps, rate, seed, before, after, len(adapter.prunable) - left_out, left_out, zeros)


def _mean_loss(model: "PreTrainedModel", windows: Windows, when: str) -> float:
    """Return the mean negative log-likelihood, nats per token. Raises `NotFiniteError` saying when."""
    loss = sum(window_losses(model, windows)) / sum(len(window) - 1 for window in windows)
    if not isfinite(loss):
        raise NotFiniteError(f"the loss on the calibration text is {loss} {when}")
    return loss


@contextmanager
def _in_fp32(model: "PreTrainedModel") -> Iterator[None]:
    """Hold all tensors in fp32 for a while: fp16 has no room for gradients and Adam's squares of them."""
    tensors = [*model.parameters(), *model.buffers()]
    halves = [(tensor, tensor.dtype) for tensor in tensors if tensor.is_floating_point()]
    for tensor, _ in halves:
        tensor.data = tensor.data.float()
    try:
        yield
    finally:
        for tensor, dtype in halves:
            tensor.data = tensor.data.to(dtype)


def _check_model(adapter: Adapter) -> None:
    if adapter.main.kind != "decoder" or adapter.main.crossed or adapter.inputs != ("input_ids",):
        raise UnsupportedModelError(
            f"{adapter.model_class}: healing trains causal language models; this one reads {', '.join(adapter.inputs)} "
            f"with its {' and '.join(stack.name for stack in adapter.stacks)}"
        )


def _check(windows: Windows, steps: int, rate: float) -> None:
    if steps < 1:
        raise UsageError(f"--steps: expected at least 1, got {steps}")
    if not 0 < rate <= 1:
        raise UsageError(f"--learning-rate: expected a number in (0, 1], got {rate!r}")
    if not windows or min(map(len, windows)) < 2:
        raise UsageError("healing needs calibration text in windows of at least two tokens")


def _train_all(model: "PreTrainedModel", windows: Windows, steps: int, rate: float, seed: int, masks: Masks) -> None:
    trained = {name: each.requires_grad for name, each in model.named_parameters()}
    model.requires_grad_(True)
    for _ in _steps(model, [*model.parameters()], windows, steps, rate, seed):
        _mask(model, masks)
    for name, each in model.named_parameters():
        each.requires_grad_(trained[name])


def _train_additions(
    model: "PreTrainedModel", matrices: Sequence[Projection], windows: Windows, steps: int, rate: float, seed: int
) -> None:
    from peft import LoraConfig, LoraModel

    trained = {name: each.requires_grad for name, each in model.named_parameters()}
    config = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        target_modules=[matrix.path for matrix in matrices],
        fan_in_fan_out=all(matrix.transposed for matrix in matrices),
    )
    # Not get_peft_model: what it wraps around asks transformers for a name that warns of its end.
    added = LoraModel(model, config, "healing")
    try:
        parameters = [each for each in added.parameters() if each.requires_grad]
        for _ in _steps(model, parameters, windows, steps, rate, seed):
            pass
    finally:
        added.merge_and_unload()
        for name, each in model.named_parameters():
            each.requires_grad_(trained[name])


def _steps(
    model: "PreTrainedModel",
    parameters: "list[torch.nn.Parameter]",
    windows: Windows,
    steps: int,
    rate: float,
    seed: int,
) -> Iterator[None]:
    """Train step by step, stopping after each; every window is seen once before one is seen again."""
    import torch

    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    batches = _drawn_batches(windows, seed)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        loss = _loss(model, next(batches))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, _LARGEST_GRADIENT_NORM)
        optimizer.step()
        optimizer.zero_grad()
        yield


def _drawn_batches(windows: Windows, seed: int) -> Iterator[list[Sequence[int]]]:
    import torch

    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(windows), generator=generator).tolist()
        for first in range(0, len(order), BATCH_WINDOWS):
            yield [windows[place] for place in order[first : first + BATCH_WINDOWS]]


def _loss(model: "PreTrainedModel", windows: Windows) -> "torch.Tensor":
    """Return the mean negative log-likelihood of a batch, a scalar in fp32."""
    import torch

    batch, device = padded_batch(windows), device_of(model)
    token_ids, mask = batch.token_ids.to(device), batch.attention_mask.to(device)
    logits = model(input_ids=token_ids, attention_mask=mask, use_cache=False).logits
    labels = token_ids.masked_fill(mask == 0, -100)[:, 1:]
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels.flatten(), ignore_index=-100)


def _masks(model: "PreTrainedModel", adapter: Adapter) -> Masks:
    """Return where the prunable weights are zero, by name of the parameter; what has no zero is left out."""
    names = dict.fromkeys(f"{matrix.path}.{matrix.parameter}" for matrix in adapter.prunable)
    found = {name: model.get_parameter(name) == 0 for name in names}
    return {name: mask for name, mask in found.items() if bool(mask.any())}


def _mask(model: "PreTrainedModel", masks: Masks) -> None:
    import torch

    with torch.no_grad():
        for name, mask in masks.items():
            model.get_parameter(name).masked_fill_(mask, 0)
