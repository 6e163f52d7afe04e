"""What similarity compares: a structure as a bag of tokens.

A module gives two kinds of tokens, each a readable text:
- its place and plan: the last two attribute names on its path, numbers left out, and its own parameters with their
  number of dimensions: "self_attn.q_proj: weight[2]". Kinds are left to the hashes, or a tensor header's view would
  share nothing with the config's.
- for a module with children, the set of them: "self_attn holds k_proj, o_proj, q_proj, v_proj".

A token's count is how many modules of the unfolded tree give it.

The body that a task head is put upon (`trees.bodies`) is taken for the model itself, so that its attribute's name does
not count. What stands beside it is a head, one token that lists its leaves: "head: bias[1] weight[1], weight[2]". So a
model is near itself with another head.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping

from data_processing.trees.bodies import branches_of, find_body
from data_processing.trees.canonical import ROOT, Node, Tree, children_of

TOKENS_VERSION = 2

Bag = Mapping[str, int]


def token_bag(tree: Tree) -> Bag:
    """Return the tokens of a tree with their counts."""
    body = find_body(tree)
    places = _places(tree, body)
    counts = _unfolded_counts(tree)
    children = children_of(tree)
    bag: Counter[str] = Counter()
    heads: dict[int, set[str]] = defaultdict(set)
    branches = branches_of(tree)
    for index, node in enumerate(tree):
        if body != ROOT and branches[index] != body:
            if not children[index]:
                heads[branches[index]].add(_plan(node))
            continue
        if index != body or node.parameters:
            bag[f"{'.'.join(places[index] or ('model',))}: {_plan(node)}"] += counts[index]
        if children[index]:
            members = sorted({_member(tree[child]) for child in children[index]})
            own_name = places[index][-1] if places[index] else "model"
            bag[f"{own_name} holds {', '.join(members)}"] += counts[index]
    for branch, leaves in heads.items():
        bag[f"head: {', '.join(sorted(leaves))}"] += counts[branch]
    return dict(bag)


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
    return " ".join(f"{parameter.name}[{len(parameter.shape)}]" for parameter in node.parameters) or "block"


def _member(node: Node) -> str:
    return node.name or "numbered members"
