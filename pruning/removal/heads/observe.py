"""What attentions do on calibration text: seen by hooks during ordinary forward passes, and dropped at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pruning.adapters.parts import AttentionParts
from pruning.batches import Batch, batches
from pruning.errors import UnsupportedModelError
from pruning.models import quiet

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Windows = Sequence[Sequence[int]]
# (which attention of those asked for, what it did in one window without padding) -> None
See = Callable[[int, "torch.Tensor"], None]


def see_maps(model: "PreTrainedModel", attentions: Sequence[AttentionParts], windows: Windows, see: See) -> None:
    """Show the post-softmax maps (heads, queries, keys) of every window; what a causal mask hides is 0 in them.

    Raises `UnsupportedModelError` when an attention returns no map: the older types return one only when asked to,
    then the model holds the maps of all layers for the time of a batch.
    """
    asked = False
    seen: set[int] = set()
    with _eager(model):
        for batch in batches(windows):
            hook = _map_hook(batch, see, seen)
            _run(model, attentions, batch, hook, output_attentions=asked)
            if not seen:
                asked = True
                _run(model, attentions, batch, hook, output_attentions=True)
            silent = [attention.path for index, attention in enumerate(attentions) if index not in seen]
            if silent:
                raise UnsupportedModelError(
                    f"looked for a map (windows, heads, tokens, tokens) among what {silent[0]} returns with eager "
                    "attention; there is none"
                )


def see_mixed(model: "PreTrainedModel", attentions: Sequence[AttentionParts], windows: Windows, see: See) -> None:
    """Show the values that heads have mixed, the inputs of the output matrix: (tokens, heads * width) of every window.

    Raises `UnsupportedModelError` when an output matrix reads nothing.
    """
    for batch in batches(windows):
        seen: set[int] = set()
        _run(model, attentions, batch, _mixed_hook(batch, see, seen))
        silent = [attention.output.path for index, attention in enumerate(attentions) if index not in seen]
        if silent:
            raise UnsupportedModelError(
                f"looked for the calibration text at the inputs of {silent[0]}; none reached it"
            )


# (module that is hooked, function of what it reads or returns)
_Hook = Callable[["PreTrainedModel", int, AttentionParts], Any]


def _map_hook(batch: Batch, see: See, seen: set[int]) -> _Hook:
    def register(model: "PreTrainedModel", index: int, attention: AttentionParts) -> Any:
        def hook(_: Any, __: Any, output: Any) -> None:
            weights = _weights(output, attention, batch)
            if weights is not None:
                seen.add(index)
                for row, length in enumerate(batch.lengths):
                    see(index, weights[row, :, :length, :length])

        return model.get_submodule(attention.path).register_forward_hook(hook)

    return register


def _mixed_hook(batch: Batch, see: See, seen: set[int]) -> _Hook:
    def register(model: "PreTrainedModel", index: int, attention: AttentionParts) -> Any:
        def hook(_: Any, arguments: tuple[Any, ...]) -> None:
            seen.add(index)
            states = arguments[0].reshape(*batch.token_ids.shape, attention.output.inputs)
            for row, length in enumerate(batch.lengths):
                see(index, states[row, :length])

        return model.get_submodule(attention.output.path).register_forward_pre_hook(hook)

    return register


def _weights(output: Any, attention: AttentionParts, batch: Batch) -> "torch.Tensor | None":
    windows, tokens = batch.token_ids.shape
    returned = output if isinstance(output, tuple | list) else ()
    shape = (windows, attention.heads, tokens, tokens)
    return next((each for each in returned if getattr(each, "shape", None) == shape), None)


def _run(
    model: "PreTrainedModel", attentions: Sequence[AttentionParts], batch: Batch, hook: _Hook, **named: bool
) -> None:
    import torch

    handles = [hook(model, index, attention) for index, attention in enumerate(attentions)]
    device = next(model.get_input_embeddings().parameters()).device
    asked = {name: True for name, value in named.items() if value}
    try:
        with torch.no_grad():
            model(
                input_ids=batch.token_ids.to(device),
                attention_mask=batch.attention_mask.to(device),
                use_cache=False,
                **asked,
            )
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _eager(model: "PreTrainedModel") -> Iterator[None]:
    """Compute attention step by step for a while: only so are there maps."""
    from transformers import PreTrainedConfig

    configs = [getattr(module, "config", None) for module in model.modules()]
    before = {
        id(config): (config, config._attn_implementation) for config in configs if isinstance(config, PreTrainedConfig)
    }
    try:
        with quiet():
            model.set_attn_implementation("eager")
        for config, _ in before.values():
            # Falcon cannot be told so, but reads its config; with the mask of another kind its maps would be wrong.
            config._attn_implementation = "eager"
        yield
    finally:
        # A config hands what it is told on to its parts; modules come from the outside in.
        for config, implementation in before.values():
            config._attn_implementation = implementation
