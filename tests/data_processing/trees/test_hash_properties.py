"""What a change of a random tree does to each of its hashes: moves it, or leaves it where it is."""

import json
import random
from collections.abc import Callable
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from data_processing.trees.bodies import find_body
from data_processing.trees.canonical import ROOT, Tree, canonical_tree
from data_processing.trees.fingerprints import Fingerprints, fingerprints
from data_processing.trees.tokens import Bag, token_bag
from tests.data_processing.module_trees import Module, stack
from tests.data_processing.tree_strategies import (
    ANCHOR,
    ANONYMOUS,
    HELPERS,
    Path,
    all_rows,
    bodies,
    changed_at,
    changed_everywhere,
    headed,
    heads,
    holds_parameters,
    leaves,
    module_at,
    modules,
    paths_of,
    sixty_examples,
    trees,
    with_runs,
)

# Where no stack has layers that differ, a change of one module cannot become equal to another layer, which the family
# hash would count once with it (docs/FINGERPRINTS.md, "the price").
PLAIN_STACKS = 1

seeds = st.integers(0, 99)


def tree_of(root: Module) -> Tree:
    return canonical_tree(all_rows(root))


def hashes(root: Module) -> Fingerprints:
    return fingerprints(tree_of(root))


def bag(root: Module) -> Bag:
    return token_bag(tree_of(root))


def moved(one: Module, other: Module) -> set[str]:
    """The levels of the whole tree whose hash differs."""
    first, second = hashes(one), hashes(other)
    return {level for level in ("exact", "layout", "family") if getattr(first, level) != getattr(second, level)}


ALL = {"exact", "layout", "family"}


@sixty_examples
@given(tree=trees(), class_name=st.text(max_size=5), kind=st.sampled_from(ANONYMOUS))
def test_renamed_classes_move_nothing(tree: Module, class_name: str, kind: str) -> None:
    def renamed(module: Module) -> Module:
        return replace(module, class_name=class_name, kind=kind if module.kind in ANONYMOUS else module.kind)

    other = changed_everywhere(tree, renamed)
    assert tree_of(other) == tree_of(tree)


@sixty_examples
@given(tree=trees())
def test_renamed_attributes_move_tokens_but_no_hash(tree: Module) -> None:
    def renamed(module: Module) -> Module:
        """New names stand in the opposite alphabetical order."""
        count = len(module.children)
        children = {
            name if name.isdigit() else f"{'z' * (count - place)}_": child
            for place, (name, child) in enumerate(module.children.items())
        }
        return replace(module, children=children)

    other = changed_everywhere(tree, renamed)
    assert hashes(other) == hashes(tree)
    if find_body(tree_of(tree)) == ROOT:
        assert bag(other).keys() != bag(tree).keys()


@sixty_examples
@given(tree=trees(), seed=seeds)
def test_order_of_keys_in_parameter_shapes_moves_nothing(tree: Module, seed: int) -> None:
    def reordered(text: str) -> str:
        items = list(json.loads(text).items())
        random.Random(seed).shuffle(items)
        return json.dumps(dict(items))

    rows = all_rows(tree)
    other = [replace(row, parameter_shapes=reordered(row.parameter_shapes)) for row in rows]
    assert canonical_tree(other) == canonical_tree(rows)


@sixty_examples
@given(tree=trees(), seed=seeds)
def test_order_of_rows_moves_nothing(tree: Module, seed: int) -> None:
    rows = all_rows(tree)
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    assert canonical_tree(shuffled) == canonical_tree(rows)


@sixty_examples
@given(tree=trees(), seed=seeds)
def test_parameters_of_modules_without_kind_are_known_by_their_shapes(tree: Module, seed: int) -> None:
    """But at the layout level, whose symbols follow the names where a module has several parameters of one rank."""

    def renamed(module: Module) -> Module:
        return with_other_names(module, seed) if module.kind in ANONYMOUS else module

    other = changed_everywhere(tree, renamed)
    assert moved(tree, other) <= {"layout"}
    if all(len(module_at(tree, path).shapes) <= 1 for path in paths_of(tree)):
        assert moved(tree, other) == set()


def with_other_names(module: Module, seed: int) -> Module:
    """The module with its parameters renamed, which changes their order."""
    names = random.Random(seed).sample("abcdefgh", len(module.shapes))
    return replace(module, shapes=dict(zip(names, module.shapes.values(), strict=True)))


@sixty_examples
@given(tree=trees())
def test_another_width_moves_the_exact_hash_alone(tree: Module) -> None:
    """Sizes change one to one, and into the opposite order."""

    def widened(module: Module) -> Module:
        shapes = {name: tuple(1000 - size for size in shape) for name, shape in module.shapes.items()}
        return replace(module, shapes=shapes)

    other = changed_everywhere(tree, widened)
    assert moved(tree, other) == {"exact"}
    assert hashes(other).body == hashes(tree).body
    assert bag(other) == bag(tree)


def runs_of(tree: Module) -> list[Path]:
    """The numbered modules that hold parameters."""
    return [path for path in paths_of(tree) if path and path[-1].isdigit() and holds_parameters(module_at(tree, path))]


def with_repeats(tree: Module, path: Path, repeats: int) -> Module:
    other = changed_at(tree, path, lambda module: replace(module, repeats=repeats))
    return changed_at(other, path[:-1], lambda module: with_runs(module, lambda run: [run]))


@sixty_examples
@given(tree=trees(), data=st.data())
def test_another_depth_moves_exact_and_layout(tree: Module, data: st.DataObject) -> None:
    runs = runs_of(tree)
    assume(runs)
    path = data.draw(st.sampled_from(runs))
    before = module_at(tree, path).repeats
    other = with_repeats(tree, path, data.draw(st.integers(1, 9).filter(lambda repeats: repeats != before)))
    assert moved(tree, other) == {"exact", "layout"}
    assert hashes(other).body == hashes(tree).body


@sixty_examples
@given(tree=trees(), cut=st.integers(1, 4))
def test_runs_that_are_folded_in_another_way_move_nothing(tree: Module, cut: int) -> None:
    """A run of five may be written as one row, as two and three, or as five."""

    def parts(run: Module) -> list[Module]:
        lengths = [cut] * (run.repeats // cut) + [run.repeats % cut] * (run.repeats % cut > 0)
        return [replace(run, repeats=length) for length in lengths]

    other = changed_everywhere(tree, lambda module: with_runs(module, parts))
    assert hashes(other) == hashes(tree)
    assert bag(other) == bag(tree)


@sixty_examples
@given(tree=trees(), helper=st.sampled_from(HELPERS))
def test_modules_without_parameters_move_nothing(tree: Module, helper: Module) -> None:
    """Named ones anywhere, and numbered ones between the members of a stack."""

    def padded(module: Module) -> Module:
        if module.kind not in ANONYMOUS:
            return module
        spaced = with_runs(module, lambda run: [helper, *[replace(run, repeats=1), helper] * run.repeats])
        return replace(spaced, children={"rotary": helper, **spaced.children})

    other = changed_everywhere(tree, padded)
    assert hashes(other) == hashes(tree)
    assert bag(other) == bag(tree)


@sixty_examples
@given(tree=trees())
def test_another_kind_everywhere_moves_all_three_but_not_the_body(tree: Module) -> None:
    def swapped(module: Module) -> Module:
        return replace(module, kind="Conv1D") if module.kind == "Linear" else module

    other = changed_everywhere(tree, swapped)
    assert moved(tree, other) == ALL
    assert hashes(other).body == hashes(tree).body


@sixty_examples
@given(tree=trees())
def test_another_name_of_a_library_leafs_parameter_moves_all_three_but_not_the_body(tree: Module) -> None:
    """As weight normalisation writes weight_g for weight."""

    def renamed(module: Module) -> Module:
        shapes = {f"{name}_g" if name == "weight" else name: shape for name, shape in module.shapes.items()}
        return replace(module, shapes=shapes) if module.kind == "Linear" else module

    other = changed_everywhere(tree, renamed)
    assert moved(tree, other) == ALL
    assert hashes(other).body == hashes(tree).body


def changed_somewhere(
    tree: Module, data: st.DataObject, where: Callable[[Module], bool], change: Callable[[Module], Module]
) -> Module:
    """The tree with one module changed of those that fulfil a condition; the anchor or the root always does."""
    chosen = data.draw(st.sampled_from([path for path in paths_of(tree) if where(module_at(tree, path))]))
    return changed_at(tree, chosen, change)


def with_parameter(name: str, shape: tuple[int, ...]) -> Callable[[Module], Module]:
    return lambda module: replace(module, shapes={**module.shapes, name: shape})


def is_linear(module: Module) -> bool:
    return module.kind == "Linear"


def is_linear_without_bias(module: Module) -> bool:
    return module.kind == "Linear" and "bias" not in module.shapes


def is_of_a_model(module: Module) -> bool:
    return module.kind in ANONYMOUS


@sixty_examples
@given(tree=trees(PLAIN_STACKS), data=st.data())
def test_another_kind_of_one_module_moves_all_three(tree: Module, data: st.DataObject) -> None:
    other = changed_somewhere(tree, data, is_linear, lambda module: replace(module, kind="Conv1D"))
    assert moved(tree, other) == ALL


@sixty_examples
@given(tree=trees(), data=st.data())
def test_in_stacks_of_different_layers_one_module_still_moves_exact_and_layout(
    tree: Module, data: st.DataObject
) -> None:
    other = changed_somewhere(tree, data, is_linear, lambda module: replace(module, kind="Conv1D"))
    assert moved(tree, other) >= {"exact", "layout"}


@sixty_examples
@given(tree=trees(PLAIN_STACKS), data=st.data(), size=st.sampled_from([1, 2, 77]))
def test_a_bias_moves_all_three(tree: Module, data: st.DataObject, size: int) -> None:
    other = changed_somewhere(tree, data, is_linear_without_bias, with_parameter("bias", (size,)))
    assert moved(tree, other) == ALL


@sixty_examples
@given(tree=trees(PLAIN_STACKS), data=st.data(), shape=st.sampled_from([(), (1,), (2, 77)]))
def test_a_parameter_more_of_a_models_own_module_moves_all_three(
    tree: Module, data: st.DataObject, shape: tuple[int, ...]
) -> None:
    other = changed_somewhere(tree, data, is_of_a_model, with_parameter("own", shape))
    assert moved(tree, other) == ALL


@sixty_examples
@given(tree=trees(PLAIN_STACKS), data=st.data(), added=modules().filter(holds_parameters), first=st.booleans())
def test_a_module_more_moves_all_three(tree: Module, data: st.DataObject, added: Module, first: bool) -> None:
    def grown(module: Module) -> Module:
        new = {"added": added}
        return replace(module, children={**new, **module.children} if first else {**module.children, **new})

    other = changed_somewhere(tree, data, is_of_a_model, grown)
    assert moved(tree, other) == ALL


# An independent, slow definition of the two levels that keep order and counts: the tree written out in full.


def unfolded_form(root: Module, symbol: Callable[[int], int]) -> object:
    """The tree as nested tuples, every layer written out, without what holds no parameter."""

    def form(module: Module) -> object:
        members = [
            form(child) for child in module.children.values() for _ in range(child.repeats) if holds_parameters(child)
        ]
        return label(module), tuple(members)

    def label(module: Module) -> object:
        ordered = sorted(module.shapes.items(), key=lambda item: (len(item[1]), item[0]))
        shapes = [(name, tuple(symbol(size) for size in shape)) for name, shape in ordered]
        if module.kind in ANONYMOUS:
            found = [shape for _, shape in shapes]
            return tuple(found if symbol is not int else sorted(found))
        return module.kind, tuple(shapes)

    return form(root)


def layout_form(root: Module) -> object:
    symbols: dict[int, int] = {}
    return unfolded_form(root, lambda size: symbols.setdefault(size, len(symbols)))


def exact_form(root: Module) -> object:
    return unfolded_form(root, int)


@st.composite
def alike_trees(draw: st.DrawFn) -> tuple[Module, Module]:
    """Two trees that are equal, or differ in one module at most."""
    tree = draw(trees())
    path = draw(st.sampled_from(list(paths_of(tree))))
    change = draw(st.sampled_from(["none", "replaced", "repeated", "scaled"]))
    if change == "replaced" and path:
        return tree, changed_at(tree, path, lambda module: replace(draw(leaves), repeats=module.repeats))
    if change == "repeated" and path and path[-1].isdigit():
        return tree, with_repeats(tree, path, draw(st.integers(1, 5)))
    if change == "scaled":
        factor = draw(st.integers(1, 2))
        scaled = {name: tuple(size * factor for size in shape) for name, shape in module_at(tree, path).shapes.items()}
        return tree, changed_at(tree, path, lambda module: replace(module, shapes=scaled))
    return tree, tree


@sixty_examples
@given(pair=alike_trees())
def test_exact_and_layout_hashes_are_equal_exactly_when_the_written_out_trees_are(pair: tuple[Module, Module]) -> None:
    one, other = pair
    found = moved(one, other)
    assert ("exact" in found) == (exact_form(one) != exact_form(other))
    assert ("layout" in found) == (layout_form(one) != layout_form(other))


@sixty_examples
@given(pair=alike_trees())
def test_levels_are_nested(pair: tuple[Module, Module]) -> None:
    """What is equal at a level is equal at every coarser one, for trees that number the same modules."""
    assert moved(*pair) in (set(), {"exact"}, {"exact", "layout"}, ALL)


@sixty_examples
@given(body=bodies(), beside=heads(), others=heads())
def test_heads_do_not_move_the_body(body: Module, beside: dict[str, Module], others: dict[str, Module]) -> None:
    alone = hashes(body).body
    assert hashes(headed(body, {})).body == alone
    assert hashes(headed(body, beside)).body == alone
    assert hashes(headed(body, others, name="transformer")).body == alone


@sixty_examples
@given(tree=trees(), seed=seeds)
def test_order_of_attributes_does_not_move_the_body(tree: Module, seed: int) -> None:
    generator = random.Random(seed)

    def reordered(module: Module) -> Module:
        items = list(module.children.items())
        generator.shuffle(items)
        return with_runs(replace(module, children=dict(items)), lambda run: [run])

    assert hashes(changed_everywhere(tree, reordered)).body == hashes(tree).body


@sixty_examples
@given(tree=trees(), seed=seeds)
def test_names_of_parameters_do_not_move_the_body(tree: Module, seed: int) -> None:
    other = changed_everywhere(tree, lambda module: with_other_names(module, seed))
    assert hashes(other).body == hashes(tree).body


@sixty_examples
@given(body=bodies(), beside=heads(), size=st.sampled_from([1, 2, 77]))
def test_a_bias_moves_the_body_and_one_in_a_head_does_not(body: Module, beside: dict[str, Module], size: int) -> None:
    with_bias = with_parameter("bias", (size,))
    other = changed_at(body, ("layers", "0", ANCHOR), with_bias)
    assert hashes(headed(other, beside)).body != hashes(headed(body, beside)).body
    head = Module("Linear", {"weight": (2, 2)})
    one, two = ({**beside, ANCHOR: found} for found in (head, with_bias(head)))
    assert hashes(headed(body, one)).body == hashes(headed(body, two)).body


@sixty_examples
@given(body=bodies(), beside=heads(), added=leaves)
def test_a_module_more_moves_the_body(body: Module, beside: dict[str, Module], added: Module) -> None:
    other = replace(body, children={**body.children, "added": added})
    assert hashes(headed(other, beside)).body != hashes(headed(body, beside)).body


# What the levels cannot keep apart, or take apart though they are the same: prices of their definitions.


def test_the_price_of_numbering_is_two_families_of_one_exact_hash() -> None:
    """exact and layout do not know whether a container numbers a module, family must, to fold the stacks."""
    layer = Module("Linear", {"weight": (2, 2)})
    in_sequence = Module(children={"fc": Module("container", {}, {"0": layer})})
    named = Module(children={"fc": Module("module", {}, {"dense": layer})})
    assert moved(in_sequence, named) == {"family"}


def test_the_price_of_symbols_is_a_layout_that_follows_the_names_of_own_parameters() -> None:
    one, other = (Module("module", {first: (2, 2), second: (2, 3)}) for first, second in ("ab", "ba"))
    assert moved(Module(children={"router": one}), Module(children={"router": other})) == {"layout"}


def test_the_price_of_any_depth_is_that_a_changed_layer_can_become_another_one() -> None:
    plain, biased = Module("Linear", {"weight": (2, 2)}), Module("Linear", {"weight": (2, 2), "bias": (2,)})
    one, other = (Module(children={"layers": stack(biased, plain, last)}) for last in (biased, plain))
    assert moved(one, other) == {"exact", "layout"}


def test_a_root_that_numbers_its_children_may_be_folded_in_another_way() -> None:
    block = Module("module", {}, {"conv": Module("Conv2d", {"weight": (1, 1, 1, 1)})})
    folded = Module(children={"0": replace(block, repeats=2), "fc": Module("Linear", {"weight": (1, 1)})})
    written_out = Module(children={"0": block, "1": block, "fc": Module("Linear", {"weight": (1, 1)})})
    assert hashes(written_out) == hashes(folded)


def test_a_head_on_stages_of_convolutions_does_not_move_the_body() -> None:
    convolution = Module("Conv2d", {"weight": (8, 3, 4, 4)})
    stage = Module("module", {}, {"conv": convolution}, repeats=2)
    bare = Module(children={"embedder": Module("module", {}, {"conv": convolution}), "encoder": stack(stage)})
    assert hashes(headed(bare, {"fc": Module("Linear", {"weight": (2, 8)})})).body == hashes(bare).body


def test_numbered_heads_may_be_folded_in_another_way() -> None:
    layer = Module("module", {}, {"fc": Module("Linear", {"weight": (2, 2)})})
    body = Module(children={"embed": Module("Embedding", {"weight": (8, 2)}), "layers": stack(layer)})
    head = Module("Linear", {"weight": (2, 2)})
    folded = headed(body, {"0": replace(head, repeats=2)})
    assert bag(headed(body, {"0": head, "1": head})) == bag(folded)


def test_the_price_of_bodies_without_kinds_is_that_convolutions_can_hide_a_bare_ones_embedding() -> None:
    """Alone, the stack with the only convolutions of images looks like a body, and the embedding like a head."""
    block = Module("module", {}, {"conv": Module("Conv2d", {"weight": (2, 1, 3, 3)})})
    body = Module(children={"embed": Module("Embedding", {"weight": (8, 2)}), "layers": stack(block)})
    assert hashes(headed(body, {})).body != hashes(body).body
