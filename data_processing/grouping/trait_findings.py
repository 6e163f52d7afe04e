"""Same shape, other function: traits that differ between structures of one layout.

One finding for each value of a trait beyond the best-known model's, on the best-known model that has it: as many as
there are values, not as many as pairs of models.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from data_processing.grouping.subjects import Finding, Shape, Subject, compared

TraitLevel = Literal["layout", "exact"]
# The hash within which a trait says what a structure computes: numbers that grow with the width are another function
# only where every size is the same. Not here: dtype and quantisation say how weights are stored, tied_embeddings which
# weights are one (equal weights compute the same either way), and the number of experts is in the tree itself.
_COMPARED_WITHIN: Mapping[str, TraitLevel] = {
    "activation": "layout",
    "attention_heads": "exact",
    "attention_pattern": "layout",
    "causal": "layout",
    "experts_per_token": "exact",
    "is_encoder_decoder": "layout",
    "kv_group_ratio": "exact",
    "modality": "layout",
    "norm": "layout",
    "position": "layout",
    "sliding_window": "layout",
}
_LEVEL_WORDS: Mapping[TraitLevel, str] = {"layout": "layout", "exact": "size"}
# Activations that transformers computes by one formula under several names.
_SAME_ACTIVATION = {
    "gelu_python": "gelu",
    "gelu_accurate": "gelu_new",
    "gelu_fast": "gelu_new",
    "gelu_python_tanh": "gelu_new",
    "gelu_pytorch_tanh": "gelu_new",
    "swish": "silu",
}


def trait_findings(ranked: Sequence[Subject]) -> Iterator[Finding]:
    """Yield each trait value of a layout that its best-known model has not, for the best-known model that has it."""
    groups: dict[tuple[str, str], dict[str, tuple[Subject, str]]] = defaultdict(dict)
    for subject, shape in _distinct_shapes(ranked):
        for trait, level in _COMPARED_WITHIN.items():
            value = _trait_value(shape, trait)
            if value is not None:
                level_hash = shape.hashes.layout if level == "layout" else shape.hashes.exact
                groups[trait, level_hash].setdefault(_formula(trait, value), (subject, value))
    for (trait, _), holders in groups.items():
        yield from _trait_differences(trait, *holders.values())


def _trait_differences(trait: str, best: tuple[Subject, str], *others: tuple[Subject, str]) -> Iterator[Finding]:
    known, known_value = best
    same = _LEVEL_WORDS[_COMPARED_WITHIN[trait]]
    said = f"{trait} {known_value}, as {known.named.model.model_id} of the same {same}"
    for subject, value in others:
        yield compared("other_traits", subject, known, said=said, found=f"{trait} {value}")


def _distinct_shapes(ranked: Sequence[Subject]) -> Iterator[tuple[Subject, Shape]]:
    """Yield the best-known model of each structure, the best known first."""
    seen: set[str | None] = set()
    for subject in ranked:
        structure_id = subject.named.model.structure_id
        if subject.shape is not None and structure_id not in seen:
            seen.add(structure_id)
            yield subject, subject.shape


def _trait_value(shape: Shape, trait: str) -> str | None:
    """Return a trait's value, None where nothing tells. Without a window the config's view says that there is none."""
    no_window = "none" if trait == "sliding_window" and shape.provenance == "config" else None
    return shape.traits.get(trait, no_window)


def _formula(trait: str, value: str) -> str:
    return _SAME_ACTIVATION.get(value, value) if trait == "activation" else value
