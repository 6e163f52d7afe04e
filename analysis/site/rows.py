"""Rows that the web page alone asks for."""

from dataclasses import dataclass

from analysis.section import QUERIES
from store import Query


@dataclass(frozen=True)
class SiteModelRow:
    """A row of `site_models.sql`."""

    source: str
    model_id: str
    task: str | None
    downloads: int | None
    has_weights: bool
    status: str
    reason: str | None
    n_layers: int | None
    n_parameters: int | None
    family_id: str | None


SITE_MODELS: Query[SiteModelRow] = Query(QUERIES / "site_models.sql", SiteModelRow)
