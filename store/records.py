"""One frozen dataclass a table; fields are the table's columns in its order (a test compares them with schema.sql)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SourceName = Literal["hub", "builtin", "directory", "reference"]
ExtractionStatus = Literal["extracted", "skipped", "failed"]
# The closed list of reasons why a model was not extracted (DESIGN 5).
ExtractionReason = Literal[
    "component",
    "gated",
    "not_found",
    "no_config",
    "no_weights",
    "pickle_only",
    "bad_header",
    "header_too_big",
    "bad_config",
    "remote_code",
    "unknown_type",
    "missing_dependency",
    "incomplete_config",
    "config_too_big",
    "timeout",
    "out_of_memory",
    "rate_limited",
    "network",
]
# Where a structure was read: never merged blindly (DESIGN 5).
Provenance = Literal["config", "header", "gguf", "adapter"]
# How the config's and the tensor header's view of one model compare.
CrossCheckVerdict = Literal[
    "agree", "custom_code", "experts_stacked", "tied_weights", "quantised", "prefix", "no_header", "other"
]
ExperimentStatus = Literal["done", "refused", "failed"]
AnalysisStatus = Literal["done", "partial", "refused", "failed"]
ExperimentReason = Literal[
    "unsupported", "ratio_too_small", "timeout", "out_of_memory", "crashed", "not_finite", "error"
]
# What lies where removed units were.
RemovedAs = Literal["gone", "zeros", "copies", "low_rank"]
CheckOutcome = Literal["ok", "failed", "not_applicable"]
RunStatus = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True)
class RunRecord:
    """A row of `runs`."""

    run_id: str
    stage: str
    started_at: datetime
    finished_at: datetime | None
    status: RunStatus
    input_hash: str | None
    config_json: str
    versions_json: str
    git_commit: str | None
    detail: str | None


@dataclass(frozen=True)
class SightingRecord:
    """A row of `sightings`."""

    run_id: str
    model_id: str
    source: SourceName
    revision: str
    task: str | None = None
    library: str | None = None
    downloads: int | None = None
    likes: int | None = None
    license: str | None = None
    base_model: str | None = None
    base_model_relation: str | None = None
    gated: bool | None = None
    tags: tuple[str, ...] | None = None
    has_weights: bool | None = None
    location: str | None = None
    created_at: datetime | None = None
    last_modified: datetime | None = None
    files: tuple[str, ...] | None = None
    listed_parameters: int | None = None


@dataclass(frozen=True)
class ListingPageRecord:
    """A row of `listing_pages`."""

    run_id: str
    listing_id: str
    listing_key: str
    source: SourceName
    query: str
    page: int
    cursor: str | None
    n_models: int
    skipped: int


@dataclass(frozen=True)
class ExtractionRecord:
    """A row of `extractions`."""

    run_id: str
    model_id: str
    source: SourceName
    revision: str
    status: ExtractionStatus
    reason: ExtractionReason | None
    reader: str
    detail: str | None
    seconds: float
    bytes_downloaded: int = 0
    requests: int = 0
    structure_id: str | None = None
    config_hash: str | None = None
    model_type: str | None = None
    architecture: str | None = None


@dataclass(frozen=True)
class StructureRecord:
    """A row of `extracted_structures`."""

    run_id: str
    structure_id: str
    provenance: Provenance
    n_modules: int
    n_parameters: int
    n_layers: int
    hidden_size: int | None
    max_depth: int


@dataclass(frozen=True)
class ModuleRecord:
    """A row of `modules`."""

    structure_id: str
    position: int
    path: str
    parent: str | None
    depth: int
    block: str
    class_name: str
    kind: str
    n_parameters: int
    parameter_shapes: str
    repeats: int


@dataclass(frozen=True)
class ShapeTraceRecord:
    """A row of `shape_traces`."""

    run_id: str
    structure_id: str
    version: int
    status: Literal["traced", "failed"]
    detail: str | None
    inputs: str


@dataclass(frozen=True)
class ModuleShapeRecord:
    """A row of `module_shapes`."""

    run_id: str
    structure_id: str
    path: str
    input_shape: str | None
    output_shape: str | None


@dataclass(frozen=True)
class CrossCheckRecord:
    """A row of `cross_checks`."""

    run_id: str
    model_id: str
    source: SourceName
    revision: str
    verdict: CrossCheckVerdict
    config_structure: str
    header_structure: str | None
    shared: int
    only_config: int
    only_header: int
    detail: str | None


@dataclass(frozen=True)
class TraitRecord:
    """A row of `traits`."""

    structure_id: str
    name: str
    value: str


@dataclass(frozen=True)
class FingerprintRecord:
    """A row of `fingerprints`."""

    run_id: str
    structure_id: str
    hash_version: int
    exact_hash: str
    layout_hash: str
    family_hash: str
    body_hash: str | None


@dataclass(frozen=True)
class NameRecord:
    """A row of `names`."""

    run_id: str
    model_id: str
    source: SourceName
    base_name: str
    base_name_simple: str
    owner: str | None
    version: str | None
    size: str | None
    variant: str | None
    evidence: Literal["base_model", "adapter_config", "gguf", "model_type", "architecture", "name"]
    training: str | None = None
    quantisation: str | None = None
    context: str | None = None
    step: str | None = None


@dataclass(frozen=True)
class SimilarityRecord:
    """A row of `similarities`."""

    run_id: str
    structure_a: str
    structure_b: str
    similarity: float
    shared: float
    total: float
    method: str
    version: int
    only_a: tuple[str, ...] | None = None
    only_b: tuple[str, ...] | None = None


@dataclass(frozen=True)
class FamilyRecord:
    """A row of `families`."""

    run_id: str
    strategy: Literal["name", "architecture", "both"]
    threshold: float
    family_id: str
    model_id: str
    source: SourceName
    is_representative: bool
    similarity_to_representative: float | None
    reason: str
    level: Literal["exact", "layout", "plan", "similar"] | None = None


@dataclass(frozen=True)
class FindingRecord:
    """A row of `findings`."""

    run_id: str
    kind: Literal["name_structure", "child_shape", "other_traits"]
    source: SourceName
    model_id: str
    other_model_id: str | None
    said: str
    found: str
    similarity: float | None


@dataclass(frozen=True)
class RepresentativeRecord:
    """A row of `representatives`."""

    run_id: str
    family_id: str
    model_id: str
    source: SourceName
    revision: str
    rank: int
    objective: str
    has_weights: bool
    n_parameters: int | None
    reason: str
    mean_distance: float | None = None


@dataclass(frozen=True)
class CoverageRecord:
    """A row of `coverage`."""

    run_id: str
    objective: str
    k: int
    family_id: str
    source: SourceName
    model_id: str
    distance: float
    share_models: float
    share_downloads: float | None
    reason: str


@dataclass(frozen=True)
class MapPointRecord:
    """A row of `map_points`."""

    run_id: str
    structure_id: str
    x: float
    y: float
    method: str
    n_models: int


@dataclass(frozen=True)
class AnalysisRecord:
    """A row of `analyses`."""

    run_id: str
    analysis_key: str
    source: SourceName
    model_id: str
    revision: str
    analysis: str
    version: int
    text_hash: str | None
    settings: str
    options: str
    seed: int
    device: str
    status: AnalysisStatus
    reason: ExperimentReason | None
    detail: str | None
    components: int
    seconds: float
    git_commit: str | None


@dataclass(frozen=True)
class RedundancyRecord:
    """A row of `redundancy`."""

    run_id: str
    model_id: str
    revision: str
    analysis: str
    version: int
    component: str
    value: float
    unit: str
    seed: int
    analysis_key: str | None = None
    measure: str | None = None
    variant: str | None = None
    target: str | None = None
    layer: int | None = None
    other_layer: int | None = None
    head: int | None = None
    other_head: int | None = None
    x: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class ProxyRecord:
    """A row of `proxies`."""

    run_id: str
    source: SourceName | None
    model_id: str | None
    target: str
    proxy: str
    truth: str
    spearman: float | None
    ci_low: float | None
    ci_high: float | None
    n_components: int
    n_models: int


@dataclass(frozen=True)
class ExperimentRecord:
    """A row of `experiments`."""

    run_id: str
    experiment_key: str
    model_id: str
    source: SourceName
    revision: str
    method: str
    method_version: int
    scope: Literal["none", "weight", "neuron", "head", "layer", "expert", "factorisation"]
    ratio: float
    seed: int
    calibration: str | None
    evaluation: str
    device: str
    status: ExperimentStatus
    reason: ExperimentReason | None
    detail: str | None
    seconds: float
    git_commit: str | None
    removed_share: float | None = None
    removed_as: RemovedAs | None = None


@dataclass(frozen=True)
class MetricRecord:
    """A row of `metrics`."""

    run_id: str
    experiment_key: str
    metric: str
    value: float
    unit: str
    n: int
    ci_low: float | None = None
    ci_high: float | None = None


@dataclass(frozen=True)
class WindowLossRecord:
    """A row of `window_losses`."""

    run_id: str
    experiment_key: str
    window_position: int
    nats: float
    tokens: int


@dataclass(frozen=True)
class CheckRecord:
    """A row of `checks`."""

    run_id: str
    experiment_key: str | None
    source: SourceName
    model_id: str
    check_name: str
    outcome: CheckOutcome
    detail: str


@dataclass(frozen=True)
class SampleRecord:
    """A row of `samples`."""

    run_id: str
    experiment_key: str
    prompt: str
    text: str


@dataclass(frozen=True)
class MethodRecord:
    """A row of `methods`."""

    run_id: str
    method: str
    version: int
    scope: str
    origin: str
    calibrated: bool
    random: bool


TABLES: dict[type, str] = {
    RunRecord: "runs",
    SightingRecord: "sightings",
    ExtractionRecord: "extractions",
    StructureRecord: "extracted_structures",
    ModuleRecord: "extracted_modules",
    ShapeTraceRecord: "shape_traces",
    ModuleShapeRecord: "module_shapes",
    CrossCheckRecord: "cross_checks",
    ListingPageRecord: "listing_pages",
    TraitRecord: "traits",
    FingerprintRecord: "fingerprints",
    NameRecord: "names",
    SimilarityRecord: "similarities",
    FamilyRecord: "families",
    FindingRecord: "findings",
    RepresentativeRecord: "representatives",
    CoverageRecord: "coverage",
    MapPointRecord: "map_points",
    AnalysisRecord: "analyses",
    RedundancyRecord: "redundancy",
    ProxyRecord: "proxies",
    ExperimentRecord: "experiments",
    MetricRecord: "metrics",
    WindowLossRecord: "window_losses",
    CheckRecord: "checks",
    SampleRecord: "samples",
    MethodRecord: "methods",
}
