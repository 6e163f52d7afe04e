"""Models whose structure is elsewhere than their name says.

The structure is of another cluster than most models of the same base name, whose best-known one the finding names.
`found` is the base name that is at home in the structure's cluster, or that none is. A config that gave both the name
and the structure contradicts nothing by itself, some types have several plans: there it is one finding a type and
cluster, and only where the cluster is another name's home.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set

from data_processing.grouping.subjects import Finding, Subject, compared, identity
from data_processing.naming.known import KnownNames, prominence
from store.records import Provenance

NamedView = tuple[str, Provenance | None]  # base name and view: models whose clusters can be compared
_CONFIG_EVIDENCE = ("model_type", "architecture")
_EVIDENCE_WORDS = {
    "base_model": "its base model",
    "gguf": "its GGUF file",
    "architecture": "its class",
    "name": "the name",
}


def name_findings(ranked: Sequence[Subject], known: KnownNames, differing: Set[tuple[str, str]]) -> Iterator[Finding]:
    """Yield the models whose structure is elsewhere than their name.

    `differing` are the source and id of models unlike their declared parent: there a name from the parent adds
    nothing.
    """
    placed = [(subject, subject.cluster) for subject in ranked if subject.cluster is not None]
    home_of = _home_clusters(placed)
    residents = [(subject, cluster) for subject, cluster in placed if home_of[_named_view(subject)] == cluster]
    best: dict[NamedView, Subject] = {}
    for subject, _ in residents:
        best.setdefault(_named_view(subject), subject)
    names = _names_at_home(residents, known)
    for subject, cluster in _once_a_type(placed):
        key, name = _named_view(subject), names.get(cluster)
        is_known = _is_inherited(subject) and identity(subject) in differing
        is_own_variant = name is None and _is_built_by_its_name(subject)
        if home_of[key] != cluster and not is_known and not is_own_variant:
            yield _name_finding(subject, best[key], name)


def _named_view(subject: Subject) -> NamedView:
    return subject.named.base_name, subject.view


def _home_clusters(placed: Iterable[tuple[Subject, str]]) -> dict[NamedView, str]:
    """Return where most models of each name are; of equally many the cluster of the best-known one.

    Not simply that of the best-known model: a tiny test model would contradict all others of its name.
    """
    counts: dict[NamedView, Counter[str]] = defaultdict(Counter)
    for subject, cluster in placed:
        counts[_named_view(subject)][cluster] += 1
    return {key: max(clusters, key=clusters.__getitem__) for key, clusters in counts.items()}


def _names_at_home(residents: Iterable[tuple[Subject, str]], known: KnownNames) -> dict[str, str]:
    """Return the commonest base name of each cluster's models; of equally common ones the best known, the shortest."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for subject, cluster in residents:
        counts[cluster][subject.named.base_name] += 1
    return {
        cluster: min(names, key=lambda name: (-names[name], prominence(name, known), len(name), name))
        for cluster, names in counts.items()
    }


def _once_a_type(placed: Iterable[tuple[Subject, str]]) -> Iterator[tuple[Subject, str]]:
    """Yield the models, but of those that their type's code built only the best-known one a cluster."""
    seen: set[tuple[NamedView, str]] = set()
    for subject, cluster in placed:
        key = _named_view(subject), cluster
        if _is_built_by_its_name(subject):
            if key in seen:
                continue
            seen.add(key)
        yield subject, cluster


def _is_inherited(subject: Subject) -> bool:
    return subject.named.evidence == "base_model"


def _is_built_by_its_name(subject: Subject) -> bool:
    """Whether the structure was built from the config that also gave the name."""
    built = subject.shape is not None and subject.shape.provenance == "config"
    return built and subject.named.evidence in _CONFIG_EVIDENCE


def _name_finding(subject: Subject, other: Subject, home: str | None) -> Finding:
    name, evidence = subject.named.base_name, subject.named.evidence
    return compared(
        "name_structure",
        subject,
        other,
        said=f"{name} (from {_EVIDENCE_WORDS.get(evidence, evidence)})",
        found=home or f"unlike {name}, and like no other name",
    )
