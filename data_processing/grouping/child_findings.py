"""Models unlike their declared parent where training changes nothing: the plan of what the layers repeat, depth, width.

Heads, poolers, further tables and a longer vocabulary stand once and are no finding; so bodies are compared, then
tokens that repeat, then `n_layers` and `hidden_size`, never exact hashes. Merges and adapters have no one parent of
their shape; packed tensors have no shapes to compare.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from data_processing.grouping.subjects import Finding, Shape, Subject, compared, identity
from data_processing.naming.grammar import fold
from data_processing.naming.lineage import without_address
from data_processing.similarity.jaccard import overlap
from store.records import SourceName

_CHILD_RELATIONS = (None, "finetune", "quantized")
# A longer vocabulary alone has added 63 % (bert-base: 110 million parameters, multilingual 179 million).
_OTHER_SIZE_RATIO = 2.0


def child_findings(ranked: Sequence[Subject]) -> Iterator[Finding]:
    """Yield the models unlike their declared parent, where both have a structure."""
    by_id = _by_lower_id(ranked)
    for child in ranked:
        parent = _declared_parent(child, by_id)
        if parent is None or child.shape is None or parent.shape is None:
            continue
        difference = _shape_difference(child.shape, parent.shape)
        if difference:
            yield compared("child_shape", child, parent, said=_descent(child, parent), found=difference)


def _by_lower_id(ranked: Iterable[Subject]) -> dict[tuple[SourceName, str], Subject]:
    """Index models by source and id without case; of ids that differ only in case the best known counts."""
    index: dict[tuple[SourceName, str], Subject] = {}
    for subject in ranked:
        source, model_id = identity(subject)
        index.setdefault((source, fold(model_id)), subject)
    return index


def _declared_parent(child: Subject, by_id: Mapping[tuple[SourceName, str], Subject]) -> Subject | None:
    """Return the one model of whose shape a child should be: of the child's own source, else of the Hub."""
    model = child.named.model
    if not model.base_model or model.base_model_relation not in _CHILD_RELATIONS:
        return None
    name = fold(without_address(model.base_model))
    parent = by_id.get((model.source, name)) or by_id.get(("hub", name))
    return None if parent is child else parent


def _descent(child: Subject, parent: Subject) -> str:
    relation = child.named.model.base_model_relation
    parent_id = parent.named.model.model_id
    return f"{relation} of {parent_id}" if relation else f"made from {parent_id}"


def _shape_difference(child: Shape, parent: Shape) -> str | None:
    """Return how a child's structure differs from its parent's where it should not; None = it does not, or who knows.

    Across views only equal bodies say something: a tensor header stacks, splits and packs what the config's view names.
    """
    if _is_packed(child) or _is_packed(parent):
        return None
    same_body = child.hashes.body == parent.hashes.body
    if not same_body and child.provenance != parent.provenance:
        return None
    if same_body or not _repeats_other_modules(child, parent):
        return _size_difference(child, parent)
    return f"other plan: similarity {_two_places(overlap(child.bag, parent.bag).similarity)}"


def _is_packed(shape: Shape) -> bool:
    """Whether tensors have the shapes of a quantisation; a GGUF header states those of the model."""
    return shape.provenance == "header" and "quantisation" in shape.traits


def _repeats_other_modules(one: Shape, other: Shape) -> bool:
    """Whether a token that only one has is repeated by its layers; true where neither has a second layer."""
    if max(one.n_layers, other.n_layers) <= 1:
        return True
    apart = one.bag.keys() ^ other.bag.keys()
    return any(one.bag.get(token, 0) > 1 or other.bag.get(token, 0) > 1 for token in apart)


def _size_difference(child: Shape, parent: Shape) -> str | None:
    differences = []
    if child.n_layers != parent.n_layers:
        differences.append(f"{child.n_layers} instead of {parent.n_layers} layers")
    if child.hidden_size is not None and parent.hidden_size is not None:
        if child.hidden_size != parent.hidden_size:
            differences.append(f"width {child.hidden_size} instead of {parent.hidden_size}")
    elif not differences and _is_of_other_size(child.n_parameters, parent.n_parameters):
        differences.append(f"{child.n_parameters:,} instead of {parent.n_parameters:,} parameters")
    return f"same plan, {', '.join(differences)}" if differences else None


def _is_of_other_size(one: int, other: int) -> bool:
    return max(one, other) >= _OTHER_SIZE_RATIO * min(one, other)


def _two_places(fraction: float) -> str:
    """Return a fraction rounded down: 0.999 is not written as 1.00."""
    return f"{int(fraction * 100) / 100:.2f}"
