"""From a checkpoint on disk to a pruned one, with one layer of weights in memory."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.adapters.find import find_adapter
from pruning.adapters.parts import LayerParts
from pruning.calibration.states import STATE_BYTES
from pruning.card import base_license, model_card
from pruning.checkpoint import check_output, copy_tokenizer
from pruning.errors import UnsupportedModelError
from pruning.finite import check_finite
from pruning.methods import METHODS, Method, Pruned, PruningRequest, carry_out, check_method_ratio, refusal
from pruning.streaming.choose import needs_whole_model
from pruning.streaming.skeleton import build_skeleton, check_layers, load_into, load_rest, stored_names, unload
from pruning.streaming.stored import ShardWriter, StoredTensors
from pruning.texts import Text
from pruning.texts.windows import token_windows
from pruning.workspace import workspace

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_CONFIGS = ("config.json", "generation_config.json")


class StreamedLayers:
    """Layer access for a model without weights: a layer comes from the stored tensors and goes to a writer."""

    def __init__(
        self,
        model: "PreTrainedModel",
        stored: StoredTensors,
        names: Mapping[str, str],
        writer: ShardWriter,
        streaming: "Streaming",
    ) -> None:
        self._model = model
        self._stored = stored
        self._names = names
        self._writer = writer
        self._streaming = streaming

    def names_of(self, layer: LayerParts) -> dict[str, str]:
        """Return the stored names of a layer's tensors by their names in the layer."""
        prefix = f"{layer.path}."
        return {name.removeprefix(prefix): at for name, at in self._names.items() if name.startswith(prefix)}

    @contextmanager
    def reading(self, layer: LayerParts) -> Iterator[None]:
        """Hold a layer's weights."""
        self._load(layer)
        yield
        unload(self._model, layer)

    @contextmanager
    def changing(self, layer: LayerParts) -> Iterator[None]:
        """Hold a layer's weights and write what they are at the end, in the dtypes that they were stored in.

        Raises `NotFiniteError` for a weight that is NaN or infinite: not every method looks at all of them.
        """
        dtypes = self._load(layer)
        for name, weight in self._model.get_submodule(layer.path).named_parameters():
            check_finite(weight, f"{layer.path}.{name}")
        yield
        state = self._model.get_submodule(layer.path).state_dict()
        self._writer.write({at: state[name].to(dtypes[at]) for name, at in self.names_of(layer).items()})
        unload(self._model, layer)

    def _load(self, layer: LayerParts) -> dict[str, "torch.dtype"]:
        names = self.names_of(layer)
        tensors = self._stored.read(names.values())
        module = self._model.get_submodule(layer.path)
        own = {name: tensors[at] for name, at in names.items()}
        load_into(module, own, device=self._streaming.device, dtype=self._streaming.dtype)
        return {at: tensor.dtype for at, tensor in tensors.items()}


@dataclass(frozen=True)
class Streaming:
    """How a checkpoint is worked on: where, in which dtype (None = as stored), and with how many bytes of hidden
    states in memory."""

    device: str = "cpu"
    dtype: "torch.dtype | None" = None
    state_bytes: int = STATE_BYTES


def prune_checkpoint(
    base: Path,
    output: Path,
    method: str,
    ratio: float,
    *,
    calibration: Sequence[Sequence[int]] = (),
    seed: int = 0,
    streaming: Streaming = Streaming(),
    overwrite: bool = False,
    name: str | None = None,
    texts: Mapping[str, Text] | None = None,
) -> Pruned:
    """Prune weights of the causal language model in `base` and write the checkpoint `output`, whole or not at all.

    In memory are one layer, what is no layer (embeddings, norms, head) and the hidden states, so the model may be
    larger than the memory of the machine or of the device. What is written has the dtypes that were stored. The card
    calls the base `name` (None = its folder's name) and names `texts` by their role. Raises `UsageError`
    and `PruningError` as `prune` does, and `UnsupportedModelError` for a method that changes shapes or runs the model
    to its end.
    """
    from safetensors import SafetensorError

    record = METHODS[method]
    check_method_ratio(record, ratio)
    check_output(output, overwrite=overwrite)
    whole = needs_whole_model(record)
    if whole:
        raise UnsupportedModelError(whole)
    try:
        with workspace(output) as place:
            place.draft.mkdir()
            pruned = _prune(base, place.draft, record, ratio, calibration, seed, streaming)
            card = model_card(name or base.name, base_license(base), pruned, {}, {}, texts=texts)
            (place.draft / "README.md").write_text(card, encoding="utf-8")
            place.finish()
    except (OSError, SafetensorError) as error:
        raise UsageError(f"--output: writing {str(output)!r} failed, nothing was left there: {error}") from error
    return pruned


def _prune(
    base: Path,
    draft: Path,
    record: Method,
    ratio: float,
    calibration: Sequence[Sequence[int]],
    seed: int,
    streaming: Streaming,
) -> Pruned:
    """Write the pruned weights and the files beside them into the folder `draft`."""
    model, stored = build_skeleton(base), StoredTensors(base)
    adapter = find_adapter(model)
    why_not = refusal(record, adapter, has_text=len(calibration) > 0)
    if why_not:
        raise UnsupportedModelError(f"{record.name} on {adapter.model_class}: {why_not}")
    windows = token_windows(model, calibration)
    names = stored_names(model, stored)
    check_layers(model, adapter, names)
    writer = ShardWriter(draft, len(adapter.all_layers) + 1)
    layers = StreamedLayers(model, stored, names, writer, streaming)
    in_layers = {at for layer in adapter.all_layers for at in layers.names_of(layer).values()}
    rest = stored.read(stored.names - in_layers)
    beside = {name: rest[at] for name, at in names.items() if at in rest}
    for name, _ in model.named_parameters():
        if name in beside:
            check_finite(beside[name], name)
    writer.write(rest)
    load_rest(model, adapter, beside, device=streaming.device, dtype=streaming.dtype)
    del rest, beside
    request = PruningRequest(model, adapter, float(ratio), windows, seed, layers, streaming.state_bytes)
    pruned = carry_out(record, request)
    writer.finish()
    for name in _CONFIGS:
        if (base / name).is_file():
            shutil.copyfile(base / name, draft / name)
    copy_tokenizer(base, draft)
    return pruned
