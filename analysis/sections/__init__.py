"""The sections of the report, in the order in which they stand in their files.

A section is a query in `queries/`, a frozen row, and a function from rows to blocks. To add one, write
`sections/NAME.py` and `queries/NAME.sql` and list it here.
"""

from analysis.section import Section
from analysis.sections.analyze.runs import RUNS_SECTION
from analysis.sections.extract.architecture import KINDS_SECTION, SIZES_SECTION, STATISTICS_SECTION, TASKS_SECTION
from analysis.sections.extract.catalog import OUTCOMES_SECTION, SOURCES_SECTION
from analysis.sections.index.findings import (
    FAILURES_SECTION,
    FINDINGS_SECTION,
    INDEX_FAMILIES_SECTION,
    LEADERBOARD_SECTION,
    LINKS_SECTION,
)
from analysis.sections.prediction.proxies import PROXIES_SECTION
from analysis.sections.process.families import FAMILIES_SECTION, REPRESENTATIVES_SECTION, TRAITS_SECTION
from analysis.sections.process.names import NAMES_SECTION
from analysis.sections.prune.baselines import BASELINES_SECTION, HEADROOM_SECTION
from analysis.sections.prune.damage import DAMAGE_SECTION
from analysis.sections.prune.dense import DENSE_SECTION
from analysis.sections.prune.pareto import PARETO_SECTION
from analysis.sections.prune.promises import PROMISES_SECTION
from analysis.sections.prune.samples import SAMPLES_SECTION
from analysis.sections.prune.sanity import SANITY_SECTION
from analysis.sections.prune.standings import STANDINGS_SECTION
from analysis.sections.prune.subjects import SUBJECTS_SECTION
from analysis.sections.prune.unfinished import UNFINISHED_SECTION
from analysis.sections.redundancy.ablation import ABLATION_SECTION
from analysis.sections.redundancy.depth import DEPTH_SECTION
from analysis.sections.redundancy.guide import GUIDE_SECTION
from analysis.sections.redundancy.heads import HEADS_SECTION
from analysis.sections.redundancy.ranks import RANKS_SECTION
from analysis.sections.redundancy.replacement import REPLACEMENT_SECTION
from analysis.sections.redundancy.states import CKA_SECTION
from pipeline.registry import Registry

SECTIONS: Registry[Section] = Registry(
    "report section",
    (
        FINDINGS_SECTION,
        LEADERBOARD_SECTION,
        INDEX_FAMILIES_SECTION,
        FAILURES_SECTION,
        LINKS_SECTION,
        SOURCES_SECTION,
        OUTCOMES_SECTION,
        TASKS_SECTION,
        KINDS_SECTION,
        SIZES_SECTION,
        STATISTICS_SECTION,
        FAMILIES_SECTION,
        TRAITS_SECTION,
        REPRESENTATIVES_SECTION,
        NAMES_SECTION,
        SANITY_SECTION,
        STANDINGS_SECTION,
        SUBJECTS_SECTION,
        DENSE_SECTION,
        DAMAGE_SECTION,
        BASELINES_SECTION,
        PROMISES_SECTION,
        HEADROOM_SECTION,
        PARETO_SECTION,
        PROXIES_SECTION,
        GUIDE_SECTION,
        ABLATION_SECTION,
        DEPTH_SECTION,
        HEADS_SECTION,
        REPLACEMENT_SECTION,
        CKA_SECTION,
        RANKS_SECTION,
        SAMPLES_SECTION,
        UNFINISHED_SECTION,
        RUNS_SECTION,
    ),
)
