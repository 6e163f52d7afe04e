"""Families: which models belong together, by name, by architecture, or by both.

- name: models with the same base name. Every model is in a family.
- architecture: models whose plans (family hashes) are in one cluster (`grouping.clusters`). A model without a structure
  is in no family.
- both: models of one name are taken as their best-known member, and these are grouped by architecture; a member whose
  own structure is of another cluster goes where its structure is (the name is evidence, the structure decides), a
  member without a structure goes with its name's best-known member. Names without any structure stay families by name.

Components (parts of other models) are no models and are in no family.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from data_processing.choosing.representatives import choose_order
from data_processing.naming.known import KnownNames, prominence
from data_processing.naming.lineage import NamedModel

Strategy = Literal["name", "architecture", "both"]
_SUFFIX_BYTES = 4


@dataclass(frozen=True)
class Member:
    """A model with its plan and the cluster of that plan; None = it has no structure."""

    named: NamedModel
    plan: str | None
    cluster: str | None


@dataclass(frozen=True)
class Placed:
    """A member and why it is in its family."""

    member: Member
    reason: str


@dataclass(frozen=True)
class Family:
    """A family; members are ordered by source and model id."""

    family_id: str
    members: tuple[Placed, ...]


def group_families(members: Iterable[Member], strategy: Strategy, known: KnownNames) -> list[Family]:
    """Return the families under a strategy, ordered by id; the order of `members` does not matter."""
    whole = sorted((member for member in members if not member.named.model.is_part), key=_identity)
    keyed: dict[str, list[Placed]] = defaultdict(list)
    for key, placed in _KEYS[strategy](whole):
        keyed[key].append(placed)
    return _with_readable_ids(keyed, known)


def _keys_by_name(members: Sequence[Member]) -> list[tuple[str, Placed]]:
    return [
        (member.named.base_name, Placed(member, f"base name {member.named.base_name} (from {member.named.evidence})"))
        for member in members
    ]


def _keys_by_architecture(members: Sequence[Member]) -> list[tuple[str, Placed]]:
    return [(member.cluster, Placed(member, "structure")) for member in members if member.cluster is not None]


def _keys_by_both(members: Sequence[Member]) -> list[tuple[str, Placed]]:
    best = _best_known(member for member in members if member.cluster is not None)
    return [_key_by_both(member, best.get(member.named.base_name)) for member in members]


def _key_by_both(member: Member, known: Member | None) -> tuple[str, Placed]:
    name = member.named.base_name
    if known is None or known.cluster is None:
        return f"name {name}", Placed(member, f"base name {name}; no model of that name has a structure")
    if member.cluster is None:
        return known.cluster, Placed(member, f"base name {name} as {_id(known)}; no structure of its own")
    if member.cluster != known.cluster:
        return member.cluster, Placed(member, f"structure, against its base name {name} as {_id(known)}")
    return member.cluster, Placed(member, "structure" if member is known else f"structure and base name {name}")


def _id(member: Member) -> str:
    return member.named.model.model_id


_KEYS = {"name": _keys_by_name, "architecture": _keys_by_architecture, "both": _keys_by_both}


def _best_known(structured: Iterable[Member]) -> dict[str, Member]:
    """Return for each base name its most downloaded member, the smaller and then the first of equals."""
    best: dict[str, Member] = {}
    for member in sorted(structured, key=lambda member: choose_order(member.named.model)):
        best.setdefault(member.named.base_name, member)
    return best


def _with_readable_ids(keyed: Mapping[str, list[Placed]], known: KnownNames) -> list[Family]:
    """Name each family after its commonest base name; smaller families of the same name get a hash behind it."""
    families: dict[str, Family] = {}
    for key, placed in sorted(keyed.items(), key=lambda item: (-len(item[1]), item[0])):
        label = _commonest_name(placed, known)
        suffix = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_SUFFIX_BYTES).hexdigest()
        family_id = label if label not in families else f"{label}-{suffix}"
        if family_id in families:
            family_id = f"{label}-{key}"
        families[family_id] = Family(family_id, tuple(placed))
    return [families[family_id] for family_id in sorted(families)]


def _commonest_name(placed: Sequence[Placed], known: KnownNames) -> str:
    """Return the base name of most members.

    Of equally common ones the best known, then the one that most members' names begin with (qwen3, qwen3-vl-text), then
    the shortest.
    """
    counts = Counter(one.member.named.base_name for one in placed)
    begun = {name: sum(count for other, count in counts.items() if other.startswith(name)) for name in counts}
    return min(counts, key=lambda name: (-counts[name], prominence(name, known), -begun[name], len(name), name))


def _identity(member: Member) -> tuple[str, str]:
    return member.named.model.source, member.named.model.model_id
