"""Where two pieces of evidence about a model disagree, one finding each, for a person to read.

- name_structure (`name_findings`): the name says one family, the structure another.
- child_shape (`child_findings`): the structure is unlike the declared parent's.
- other_traits (`trait_findings`): the same layout with another function.

Bounds: at most one name_structure and one child_shape a model, and one other_traits for each value of a trait in a
layout beyond the first. So findings grow with models and distinct structures, never with their pairs, and no pair is
compared token by token but children with their parents and what becomes a finding. The order of what is given does not
matter.
"""

from collections.abc import Iterable

from data_processing.choosing.representatives import choose_order
from data_processing.grouping.child_findings import child_findings
from data_processing.grouping.name_findings import name_findings
from data_processing.grouping.subjects import Finding, Subject
from data_processing.grouping.trait_findings import trait_findings
from data_processing.naming.known import KnownNames


def find_contradictions(subjects: Iterable[Subject], known: KnownNames) -> list[Finding]:
    """Return every finding, ordered by kind, source, model id, other model's id and text. Components have none."""
    ranked = sorted(
        (subject for subject in subjects if not subject.named.model.is_part),
        key=lambda subject: choose_order(subject.named.model),
    )
    children = list(child_findings(ranked))
    differing = {(finding.source, finding.model_id) for finding in children}
    found = [*name_findings(ranked, known, differing), *children, *trait_findings(ranked)]
    return sorted(found, key=_order)


def _order(finding: Finding) -> tuple[str, ...]:
    other = finding.other_model_id or ""
    return finding.kind, finding.source, finding.model_id, other, finding.said, finding.found
