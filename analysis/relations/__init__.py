"""Relations that are made in Python from the rows of queries, such as paired comparisons.

A relation is a name, the queries that it reads, and a function from answers to frozen rows. Its rows stand in
`csv_data/NAME.csv`, and `python -m analysis query NAME` prints them. To add one, list it here.
"""

from analysis.relations.constants import CONSTANTS
from analysis.relations.derived import Derived
from analysis.relations.scopes import BEST_BY_SCOPE, HEADROOM_BY_SCOPE, SCOPES
from pipeline.registry import Registry

DERIVED: Registry[Derived] = Registry("derived relation", (CONSTANTS, BEST_BY_SCOPE, SCOPES, HEADROOM_BY_SCOPE))
