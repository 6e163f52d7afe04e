"""What similarity compares: a structure as a bag of tokens.

A module gives two kinds of tokens, each a readable text:
- its place and plan: the last two attribute names on its path, numbers left out, and what it is itself:
  "self_attn.q_proj: Linear(weight)".
- for a module with children, the set of them: "self_attn holds k_proj, o_proj, q_proj, v_proj".

A token's count is how many modules of the unfolded tree give it.

The body that a task head is put upon (`bert` in BertForMaskedLM, `model` in LlamaForCausalLM) is taken for the model
itself, so that its attribute's name does not count. What stands beside it is a head, one token that lists its leaves:
"head: LayerNorm(bias, weight), Linear(bias, weight)". So a model is near itself with another head.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping

from data_processing.trees.canonical import ROOT, Node, Tree, children_of

TOKENS_VERSION = 1
_INPUT_KINDS = ("Embedding", "Conv1d", "Conv2d", "Conv3d")

Bag = Mapping[str, int]


def token_bag(tree: Tree) -> Bag:
    """Return the tokens of a tree with their counts."""
    body = _body(tree)
    places = _places(tree, body)
    counts = _unfolded_counts(tree)
    children = children_of(tree)
    bag: Counter[str] = Counter()
    heads: dict[int, set[str]] = defaultdict(set)
    branches = _branches(tree)
    for index, node in enumerate(tree):
        if body != ROOT and branches[index] != body:
            if not children[index]:
                heads[branches[index]].add(_plan(node))
            continue
        if index != body:
            bag[f"{'.'.join(places[index])}: {_plan(node)}"] += counts[index]
        if children[index]:
            members = sorted({_member(tree[child]) for child in children[index]})
            own_name = places[index][-1] if places[index] else "model"
            bag[f"{own_name} holds {', '.join(members)}"] += counts[index]
    bag.update(f"head: {', '.join(sorted(leaves))}" for leaves in heads.values())
    return dict(bag)


def _body(tree: Tree) -> int:
    """Return the one child of the root that takes input and has a stack of layers; the root where there is none."""
    branches = _branches(tree)
    takes_input = {branches[index] for index, node in enumerate(tree) if node.kind.startswith(_INPUT_KINDS)}
    both = takes_input & {branches[index] for index, node in enumerate(tree) if node.numbered}
    return both.pop() if len(both) == 1 else ROOT


def _branches(tree: Tree) -> list[int]:
    """Return for each node the child of the root that it stands in; the root for the root."""
    branches = [ROOT]
    for index, node in enumerate(tree[1:], start=1):
        branches.append(index if node.parent == ROOT else branches[node.parent])
    return branches


def _places(tree: Tree, body: int) -> list[tuple[str, ...]]:
    """Return for each node the last two attribute names on its path below the body, numbers left out."""
    places: list[tuple[str, ...]] = [()]
    for index, node in enumerate(tree[1:], start=1):
        above = places[node.parent]
        named = node.name and index != body
        places.append((*above, node.name)[-2:] if named else above)
    return places


def _unfolded_counts(tree: Tree) -> list[int]:
    """Return how often each node stands in the unfolded tree."""
    counts = [1]
    for node in tree[1:]:
        counts.append(counts[node.parent] * node.repeats)
    return counts


def _plan(node: Node) -> str:
    if node.kind:
        return f"{node.kind}({', '.join(sorted(parameter.name for parameter in node.parameters))})"
    ranks = sorted(len(parameter.shape) for parameter in node.parameters)
    return f"parameters of rank {', '.join(map(str, ranks))}" if ranks else "block"


def _member(node: Node) -> str:
    return node.name or "numbered members"
