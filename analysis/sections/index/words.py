"""What the sections of the index share: links to pages about subjects, and the queries that they cite."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.cited import Cited
from analysis.document import Inline, Joined, Link, Number
from analysis.paths import method_page, model_page
from analysis.section import QUERIES
from store import Query


@dataclass(frozen=True)
class TotalsRow:
    """A row of `index_totals.sql`; `threshold` is 0 without families."""

    n_revisions: int
    n_extracted: int
    n_without: int
    n_structures: int
    n_family_models: int
    n_families: int
    threshold: float
    n_families_with_weights: int
    n_experiments: int
    n_unfinished: int
    n_pruned_models: int


TOTALS: Query[TotalsRow] = Query(QUERIES / "index_totals.sql", TotalsRow)
CITED_TOTALS = Cited("index_totals")
CITED_BEST = Cited("best_by_scope", ("scope", "source", "model_id"))
CITED_SCOPES = Cited("scopes", ("scope",))
CITED_HEADROOM = Cited("headroom_by_scope", ("source", "model_id", "scope"))
CITED_FAMILIES = Cited("families", ("family_id",))
CITED_OUTCOMES = Cited("outcomes", ("source", "status", "reason"))


def joined(*parts: str | Number | Link) -> Joined:
    """Return parts as one span."""
    return Joined(parts)


def strong(*parts: str | Number | Link) -> Joined:
    """Return parts as one emphasised span."""
    return Joined(parts, strong=True)


def model_link(source: str, model_id: str) -> Link:
    """Return the model's name as a link to its page; `links.only_existing` takes the link away where there is none."""
    return Link(model_id, f"{model_page(source, model_id)}.md")


def method_link(method: str) -> Link:
    """Return the method's name as a link to its page, as with models."""
    return Link(method, f"{method_page(method)}.md")


def listed(parts: Sequence[str | Link], total: int) -> Joined:
    """Return "a, b, …" of the first few of `total`."""
    between: list[str | Link] = [one for part in parts for one in (", ", part)][1:]
    return Joined((*between, ", …") if total > len(parts) else tuple(between))


Sentence = tuple[Inline, ...]
