"""Which of a model's files readers may want, by their names."""

from collections.abc import Iterable

from hub.address import valid_file

CONFIG, DIFFUSERS_INDEX, SENTENCE_MODULES = "config.json", "model_index.json", "modules.json"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
DIFFUSION_WEIGHTS = "diffusion_pytorch_model"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_INDEXES = (CONFIG, DIFFUSERS_INDEX, SENTENCE_MODULES, ADAPTER_CONFIG)
_WEIGHTS = (".safetensors", ".safetensors.index.json", ".gguf")
_MOST = 400  # the largest models have about 200 shards


def wanted_files(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a reader may want, sorted: indexes and configs first, at most `_MOST`.

    Names that are no plain relative paths are left out, pickles kept: they explain why there is nothing to read.
    """
    kept = {name for name in names if _is_wanted(name) and valid_file(name)}
    return tuple(sorted(kept, key=lambda name: (not name.endswith(".json"), name))[:_MOST])


def top_weights(names: Iterable[str]) -> tuple[str, ...]:
    """Return the safetensors files at the top of a model, sorted, adapters left out."""
    return tuple(sorted(name for name in names if _is_top_weights(name)))


def _is_wanted(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    if last in _INDEXES or last.endswith(_WEIGHTS):
        return folder.count("/") < 2
    return not folder and last.endswith(PICKLES)


def _is_top_weights(name: str) -> bool:
    return name.endswith(".safetensors") and "/" not in name and name != ADAPTER_WEIGHTS
