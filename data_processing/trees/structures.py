"""The structures of a corpus as stage 2 knows them: hashes and tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

from data_processing.trees.canonical import Tree
from data_processing.trees.fingerprints import Fingerprints, fingerprints
from data_processing.trees.tokens import Bag, token_bag
from pipeline.progress import Progress


@dataclass(frozen=True)
class Structure:
    """A structure as stage 2 knows it."""

    structure_id: str
    hashes: Fingerprints
    bag: Bag


def read_structures(
    trees: Mapping[str, Tree], known: Mapping[str, Fingerprints], progress: Progress
) -> dict[str, Structure]:
    """Return hashes and tokens of every tree; hashes that are known are not computed again."""
    structures = {}
    with progress.track("structures", len(trees)) as track:
        for structure_id, tree in sorted(trees.items()):
            structures[structure_id] = read_structure(structure_id, tree, known.get(structure_id))
            track.advance()
    return structures


def read_structure(structure_id: str, tree: Tree, known: Fingerprints | None = None) -> Structure:
    """Return hashes and tokens of a tree."""
    return Structure(structure_id, known or fingerprints(tree), token_bag(tree))
