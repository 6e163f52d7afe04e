"""The body of a model: what a task head is put upon (`bert` in BertForMaskedLM, `model` in LlamaForCausalLM).

A file saved from the bare body has no such attribute, one saved with a head has, and a file holds no head whose weight
is tied to the embedding. So models and their views are compared by their bodies. Kinds of modules do not count here: a
tensor header does not tell them.
"""

from collections.abc import Sequence

from data_processing.trees.canonical import ROOT, Node, Tree, children_of

_MATRIX = 2  # dimensions of what turns input into the residual stream: embeddings, patch and audio convolutions
_IMAGE_CONVOLUTION = 4  # dimensions; stages of hierarchical vision models take their input inside the stack


def find_body(tree: Tree) -> int:
    """Return the one child of the root that holds a stack of blocks and takes the input; the root where there is none.

    It takes the input when it has a matrix outside of its stacks, or the only convolutions of images. Where several
    children hold stacks (encoder and decoder, towers), or the root is a stack itself, the root is the body.
    """
    branches = branches_of(tree)
    children = children_of(tree)
    with_stack = {branches[index] for index, node in enumerate(tree) if node.numbered and children[index]}
    if len(with_stack) != 1:
        return ROOT
    (body,) = with_stack
    takes_input = body in _with_matrix(tree, branches) or _with_convolution(tree, branches) == {body}
    return body if takes_input and not tree[body].numbered else ROOT


def _with_matrix(tree: Tree, branches: Sequence[int]) -> set[int]:
    """Return the branches with a parameter of two or more dimensions outside of stacks."""
    inside = _inside_stacks(tree)
    return {branches[index] for index, node in enumerate(tree) if not inside[index] and _rank(node) >= _MATRIX}


def _with_convolution(tree: Tree, branches: Sequence[int]) -> set[int]:
    return {branches[index] for index, node in enumerate(tree) if _rank(node) >= _IMAGE_CONVOLUTION}


def _rank(node: Node) -> int:
    """Return the number of dimensions of a module's largest own parameter; 0 = it has none."""
    return max((len(parameter.shape) for parameter in node.parameters), default=0)


def branches_of(tree: Tree) -> list[int]:
    """Return for each node the child of the root that it stands in; the root for the root."""
    branches = [ROOT]
    for index, node in enumerate(tree[1:], start=1):
        branches.append(index if node.parent == ROOT else branches[node.parent])
    return branches


def _inside_stacks(tree: Tree) -> list[bool]:
    inside = [False]
    for node in tree[1:]:
        inside.append(node.numbered or inside[node.parent])
    return inside
