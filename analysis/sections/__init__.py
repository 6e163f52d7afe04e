"""The sections of the report, in the order in which they stand in their files.

A section is a query in `queries/`, a frozen row, and a function from rows to blocks. To add one, write
`queries/NAME.sql` and `sections/PAGE/NAME.py` and list it here.
"""

from analysis.section import Section
from analysis.sections.analyze.runs import RUNS_SECTION
from analysis.sections.extract.architecture import KINDS_SECTION
from analysis.sections.extract.catalog import OUTCOMES_SECTION, SOURCES_SECTION
from analysis.sections.extract.readings import CROSS_CHECKS_SECTION, SHAPE_TRACES_SECTION
from analysis.sections.extract.sizes import SIZES_SECTION
from analysis.sections.extract.statistics import STATISTICS_SECTION
from analysis.sections.extract.task_comparison import COMPARISON_SECTION
from analysis.sections.extract.task_table import TASKS_SECTION
from analysis.sections.index.changes import CHANGES_SECTION, GROWTH_SECTION
from analysis.sections.index.headlines import HEADLINES_SECTION
from analysis.sections.index.lists import FAILURES_SECTION, INDEX_FAMILIES_SECTION, LINKS_SECTION
from analysis.sections.index.newest import NEWEST_SECTION
from analysis.sections.index.prunability import PRUNABILITY_SECTION
from analysis.sections.prediction.damage_model import DAMAGE_MODEL_SECTION
from analysis.sections.prediction.forecast import FORECAST_SECTION
from analysis.sections.prediction.proxies import PROXIES_SECTION
from analysis.sections.process.architecture_map import MAP_SECTION
from analysis.sections.process.contradictions import CONTRADICTIONS_SECTION
from analysis.sections.process.coverage import COVERAGE_SECTION
from analysis.sections.process.families import FAMILIES_SECTION, REPRESENTATIVES_SECTION, TRAITS_SECTION
from analysis.sections.process.genealogy import GENEALOGY_SECTION
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
        NEWEST_SECTION,
        CHANGES_SECTION,
        HEADLINES_SECTION,
        PRUNABILITY_SECTION,
        INDEX_FAMILIES_SECTION,
        FAILURES_SECTION,
        GROWTH_SECTION,
        LINKS_SECTION,
        SOURCES_SECTION,
        OUTCOMES_SECTION,
        TASKS_SECTION,
        KINDS_SECTION,
        COMPARISON_SECTION,
        SIZES_SECTION,
        STATISTICS_SECTION,
        CROSS_CHECKS_SECTION,
        SHAPE_TRACES_SECTION,
        FAMILIES_SECTION,
        TRAITS_SECTION,
        REPRESENTATIVES_SECTION,
        COVERAGE_SECTION,
        MAP_SECTION,
        GENEALOGY_SECTION,
        NAMES_SECTION,
        CONTRADICTIONS_SECTION,
        STANDINGS_SECTION,
        DAMAGE_SECTION,
        PARETO_SECTION,
        HEADROOM_SECTION,
        BASELINES_SECTION,
        PROMISES_SECTION,
        SAMPLES_SECTION,
        DENSE_SECTION,
        SANITY_SECTION,
        UNFINISHED_SECTION,
        SUBJECTS_SECTION,
        PROXIES_SECTION,
        DAMAGE_MODEL_SECTION,
        FORECAST_SECTION,
        GUIDE_SECTION,
        ABLATION_SECTION,
        DEPTH_SECTION,
        HEADS_SECTION,
        REPLACEMENT_SECTION,
        CKA_SECTION,
        RANKS_SECTION,
        RUNS_SECTION,
    ),
)
