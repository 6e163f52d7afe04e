"""What holds for the similarity of any bags of tokens, and of any trees."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from data_processing.similarity.jaccard import Overlap, overlap, weight_units
from data_processing.trees.bodies import branches_of, find_body
from data_processing.trees.canonical import ROOT, Tree, canonical_tree
from data_processing.trees.tokens import Bag, token_bag
from tests.data_processing.module_trees import Module, linear, stack
from tests.data_processing.tree_strategies import (
    ANONYMOUS,
    OWN_PARAMETERS,
    Path,
    all_rows,
    changed_at,
    changed_everywhere,
    leaves,
    module_at,
    paths_of,
    trees,
)

counts = st.one_of(st.integers(1, 5), st.integers(1, 10**6))
bags = st.dictionaries(st.sampled_from("abcde"), counts, max_size=5)


def tree_of(root: Module) -> Tree:
    return canonical_tree(all_rows(root))


def bag(root: Module) -> Bag:
    return token_bag(tree_of(root))


def weights(found: Bag) -> dict[str, int]:
    return {token: weight_units(count) for token, count in found.items()}


def distance(one: Bag, other: Bag) -> Fraction:
    found = overlap(one, other)
    return Fraction(found.total_units - found.shared_units, max(found.total_units, 1))


def check_pair(one: Bag, other: Bag) -> None:
    found = overlap(one, other)
    assert found == overlap(other, one)
    assert 0.0 <= found.similarity <= 1.0
    assert (found.similarity == 1.0) == (weights(one) == weights(other))
    if found.similarity == 1.0:
        assert one.keys() == other.keys()
    if not one.keys() & other.keys() and (one or other):
        assert found.similarity == 0.0


@given(one=bags, other=bags)
def test_symmetric_between_0_and_1_and_1_exactly_for_tokens_of_equal_weight(one: Bag, other: Bag) -> None:
    check_pair(one, other)


@given(one=trees(), other=trees())
def test_the_same_for_trees(one: Module, other: Module) -> None:
    check_pair(bag(one), bag(other))


@given(one=bags, share=st.fractions(0, 1))
def test_counts_in_the_same_power_of_two_weigh_the_same_and_others_do_not(one: Bag, share: Fraction) -> None:
    lowest = {token: 1 << count.bit_length() - 1 for token, count in one.items()}
    other = {token: count + int((count - 1) * share) for token, count in lowest.items()}
    assert overlap(one, other).similarity == 1.0
    doubled = {token: 2 * count for token, count in lowest.items()}
    assert (overlap(other, doubled).similarity == 1.0) == (not one)


@given(first=bags, second=bags, third=bags)
def test_the_distance_is_a_metric(first: Bag, second: Bag, third: Bag) -> None:
    """1 - weighted Jaccard keeps the triangle inequality (Charikar 2002, section 3)."""
    assert distance(first, third) <= distance(first, second) + distance(second, third)


NEW_NAME = "inserted"
NEW_PLAN = Module("Linear", {"unlike": (1,) * 7})


def own_modules(tree: Module) -> list[Path]:
    return [path for path in paths_of(tree) if module_at(tree, path).kind in ANONYMOUS]


def with_child(module: Module, name: str, child: Module) -> Module:
    return replace(module, children={**module.children, name: child})


@given(tree=trees(), data=st.data(), added=leaves)
def test_an_inserted_module_with_parameters_lowers_similarity(tree: Module, data: st.DataObject, added: Module) -> None:
    """Under a name of its own anywhere but in a head, whose token lists plans without names."""
    path = data.draw(st.sampled_from(own_modules(tree)))
    grown = changed_at(tree, path, lambda module: with_child(module, NEW_NAME, added))
    found = overlap(bag(tree), bag(grown)).similarity
    assert found <= 1.0
    if not is_in_head(tree_of(grown), NEW_NAME):
        assert found < 1.0


def is_in_head(tree: Tree, name: str) -> bool:
    body = find_body(tree)
    index = next(index for index, node in enumerate(tree) if node.name == name)
    return body not in (ROOT, branches_of(tree)[index])


@given(tree=trees(), data=st.data())
def test_an_inserted_module_of_a_new_plan_lowers_similarity_everywhere(tree: Module, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(own_modules(tree)))
    grown = changed_at(tree, path, lambda module: with_child(module, "proj", NEW_PLAN))
    assert overlap(bag(tree), bag(grown)).similarity < 1.0


def test_the_price_of_weights_that_grow_by_doubling_is_that_a_third_layer_does_not_show() -> None:
    two, three = (Module(children={"layers": stack(replace(linear(2, 2), repeats=count))}) for count in (2, 3))
    assert overlap(bag(two), bag(three)) == Overlap(*[overlap(bag(two), bag(two)).total_units] * 2)


@given(tree=trees(), own=st.sampled_from(OWN_PARAMETERS))
def test_kinds_and_sizes_are_in_no_token(tree: Module, own: dict[str, tuple[int, ...]]) -> None:
    def changed(module: Module) -> Module:
        shapes = {name: tuple(size + 7 for size in shape) for name, shape in module.shapes.items()}
        return replace(module, kind="Conv1D" if module.kind == "Linear" else module.kind, shapes=shapes)

    assert bag(changed_everywhere(tree, changed)) == bag(tree)
