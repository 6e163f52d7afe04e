"""Rows that only the web page asks for."""

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


@dataclass(frozen=True)
class SiteMapRow:
    """A row of `site_map.sql`; `x` and `y` have no unit."""

    x: float
    y: float
    example: str
    task: str
    family_id: str | None
    n_models: int
    n_layers: int | None
    n_parameters: int | None


SITE_MODELS: Query[SiteModelRow] = Query(QUERIES / "site_models.sql", SiteModelRow)
SITE_MAP: Query[SiteMapRow] = Query(QUERIES / "site_map.sql", SiteMapRow)
