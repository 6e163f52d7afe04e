"""An explanation for programs: one object for the verdict and one for each difference."""

from collections.abc import Iterator
from typing import Any

from data_processing.answers.difference import Change, DiffNode
from data_processing.answers.explain import Explanation
from data_processing.answers.module_trees import Module


def objects(explanation: Explanation, *, sizes: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the verdict, then modules, dimensions, traits and numbers that differ; `a` and `b` are the two models.

    Modules that differ in their dimensions alone are only counted, as text does, unless `sizes` asks for each.
    """
    yield _verdict(explanation)
    for node in explanation.nodes:
        if node.kind != "same" and (sizes or not node.only_sizes):
            yield _node(node)
    for one in explanation.resizings:
        counts = {"modules_a": one.count_left, "modules_b": one.count_right}
        yield {"what": "dimension", "a": one.left, "b": one.right, **counts, "names": one.names}
    for what, facts in (("trait", explanation.traits), ("number", explanation.numbers)):
        for fact in facts:
            if fact.differs:
                yield {"what": what, "name": fact.name, "a": fact.left, "b": fact.right}


def _verdict(explanation: Explanation) -> dict[str, Any]:
    found = explanation.overlap
    return {
        "what": "verdict",
        "a": explanation.left.model_id,
        "b": explanation.right.model_id,
        "verdict": explanation.verdict,
        "note": explanation.note,
        "equal": dict(explanation.equal_levels),
        "similarity": found.similarity,
        "shared": found.shared,
        "total": found.total,
        "tokens_a": explanation.only_left,
        "tokens_b": explanation.only_right,
    }


def _node(node: DiffNode) -> dict[str, Any]:
    changes = [_change(change) for change in node.changes]
    return {
        "what": "module",
        "difference": node.kind,
        "a": _side(node.left),
        "b": _side(node.right),
        "changes": changes,
    }


def _change(change: Change) -> dict[str, Any]:
    return {"aspect": change.aspect, "a": change.left, "b": change.right}


def _side(module: Module | None) -> dict[str, Any] | None:
    if module is None:
        return None
    shapes = {parameter.name: parameter.shape for parameter in module.parameters}
    return {"path": module.path, "class": module.class_name, "parameters": shapes, "repeats": module.repeats}
