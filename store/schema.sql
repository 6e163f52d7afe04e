-- The store's tables. Every column: meaning, unit, and what NULL means ("-" where it is never NULL).
-- Work tables are insert-only; a view named current_* or without suffix gives the newest state.
-- run_id sorts by time, so the greatest run_id is the newest. Rates are fractions in [0, 1].

-- table runs: one invocation of a stage
CREATE TABLE runs (
    run_id        VARCHAR NOT NULL,   -- start time in UTC and a random part; sorts by time
    stage         VARCHAR NOT NULL,   -- extract, process, prune or analyze
    started_at    TIMESTAMP NOT NULL, -- UTC
    finished_at   TIMESTAMP,          -- UTC; NULL = not finished
    status        VARCHAR NOT NULL,   -- running, done, failed or interrupted
    input_hash    VARCHAR,            -- blake2b of all that the stage read and was told; NULL = unknown before its end
    config_json   VARCHAR NOT NULL,   -- the settings as JSON
    versions_json VARCHAR NOT NULL,   -- versions of Python and of the libraries behind the numbers, as JSON
    git_commit    VARCHAR,            -- commit of the project; NULL = not run from a git checkout
    detail        VARCHAR             -- the error's text; NULL = none
);

-- table sightings: what one extract run saw of one model in a listing
CREATE TABLE sightings (
    run_id              VARCHAR NOT NULL, -- run that saw it
    model_id            VARCHAR NOT NULL, -- owner/name on the Hub, model type for builtin, relative path for directory
    source              VARCHAR NOT NULL, -- hub, builtin, directory or reference
    revision            VARCHAR NOT NULL, -- commit on the Hub, library version for builtin, content hash for files
    task                VARCHAR,          -- pipeline tag; NULL = the source did not say
    library             VARCHAR,          -- library name; NULL = the source did not say
    downloads           BIGINT,           -- downloads in the last 30 days; NULL = the source did not say
    likes               BIGINT,           -- NULL = the source did not say
    license             VARCHAR,          -- licence identifier; NULL = the source did not say
    base_model          VARCHAR,          -- model it was made from; NULL = none declared
    base_model_relation VARCHAR,          -- finetune, adapter, merge or quantized; NULL = none declared
    gated               BOOLEAN,          -- access must be asked for; NULL = the source did not say
    tags                VARCHAR[],        -- as listed; NULL = the source did not say
    has_weights         BOOLEAN,          -- safetensors weights are there; NULL = the source did not say
    location            VARCHAR,          -- folder or file on this machine; NULL = not on this machine
    created_at          TIMESTAMP,        -- UTC; NULL = the source did not say
    last_modified       TIMESTAMP,        -- UTC; NULL = the source did not say
    files               VARCHAR[],        -- names of the files that a reader may want; NULL = the source did not say
    listed_parameters   BIGINT            -- parameters as the listing counts them; NULL = the source did not say
);

-- table listing_pages: a page of a listing that goes on from page to page, written with the page's sightings
CREATE TABLE listing_pages (
    run_id      VARCHAR NOT NULL, -- run that fetched it
    listing_id  VARCHAR NOT NULL, -- run that began the listing; later runs that go on from its cursor keep this id
    listing_key VARCHAR NOT NULL, -- hash of the settings that choose the models
    source      VARCHAR NOT NULL, -- hub
    query       VARCHAR NOT NULL, -- what was asked, as a query string; empty = the run's own entry
    page        INTEGER NOT NULL, -- number of the page in its query, from 1
    cursor      VARCHAR,          -- what asks for the next page, as a query string; NULL = the query is at its end
    n_models    INTEGER NOT NULL, -- models of this page that were taken
    skipped     INTEGER NOT NULL  -- models of this page that the filters left out, or that were listed before
);

-- table extractions: the outcome of one model revision in one run
CREATE TABLE extractions (
    run_id           VARCHAR NOT NULL, -- run that tried it
    model_id         VARCHAR NOT NULL, -- as in sightings
    source           VARCHAR NOT NULL, -- as in sightings
    revision         VARCHAR NOT NULL, -- as in sightings
    status           VARCHAR NOT NULL, -- extracted, skipped or failed
    reason           VARCHAR,          -- from the closed list in records.py; NULL = extracted
    reader           VARCHAR NOT NULL, -- plug-in that read it
    detail           VARCHAR,          -- the original error, what was repaired; NULL = nothing to add
    seconds          DOUBLE NOT NULL,  -- time it took, seconds
    bytes_downloaded BIGINT NOT NULL,  -- bytes; 0 = nothing fetched
    requests         INTEGER NOT NULL, -- HTTP requests; 0 = none
    structure_id     VARCHAR,          -- its structure; NULL = not extracted
    config_hash      VARCHAR,          -- blake2b of the canonical config; NULL = no config was read
    model_type       VARCHAR,          -- model_type of the config; NULL = no config was read
    architecture     VARCHAR           -- transformers class that was built; NULL = none
);

-- table extracted_structures: a distinct module tree with its function
CREATE TABLE extracted_structures (
    run_id       VARCHAR NOT NULL, -- run that first saw it
    structure_id VARCHAR NOT NULL, -- blake2b of provenance, modules and traits
    provenance   VARCHAR NOT NULL, -- config (meta device), header or gguf (tensor names and shapes), adapter (of a delta)
    n_modules    INTEGER NOT NULL, -- modules of the unfolded tree, root left out
    n_parameters BIGINT NOT NULL,  -- parameters, tied ones counted once
    n_layers     INTEGER NOT NULL, -- length of the longest run of repeated blocks; 0 = none repeats
    hidden_size  INTEGER,          -- width of the residual stream; NULL = the config does not say
    max_depth    INTEGER NOT NULL  -- deepest module; 1 = child of the root
);

-- table extracted_modules: a module of a structure; runs of equal siblings are one row
CREATE TABLE extracted_modules (
    structure_id     VARCHAR NOT NULL, -- as in extracted_structures
    position         INTEGER NOT NULL, -- place in the folded tree, depth first, from 0
    path             VARCHAR NOT NULL, -- dotted name; a run of siblings is written layers.0-11
    parent           VARCHAR,          -- path of the parent; NULL = child of the root
    depth            INTEGER NOT NULL, -- 1 = child of the root
    block            VARCHAR NOT NULL, -- first path part (leaf left out) that says block, layer, encoder or decoder; else the first part
    class_name       VARCHAR NOT NULL, -- Python class; unknown where only tensors were read
    kind             VARCHAR NOT NULL, -- library class for torch leaves, container, or module for model-specific classes
    n_parameters     BIGINT NOT NULL,  -- parameters of this module itself, one repetition, tied ones counted once
    parameter_shapes VARCHAR NOT NULL, -- JSON object: name of an own parameter -> shape
    repeats          INTEGER NOT NULL  -- equal siblings in this run; 1 = no run
);

-- table shape_traces: one attempt to run a structure without its weights and see the shapes
CREATE TABLE shape_traces (
    run_id       VARCHAR NOT NULL, -- run that tried it
    structure_id VARCHAR NOT NULL, -- as in extracted_structures
    version      INTEGER NOT NULL, -- version of the tracer
    status       VARCHAR NOT NULL, -- traced: the forward came to its end; failed: it did not
    detail       VARCHAR,          -- the error that ended it; NULL = none
    inputs       VARCHAR NOT NULL  -- JSON object: name of an input -> the shape it was given
);

-- table module_shapes: what went into a module and came out of it
CREATE TABLE module_shapes (
    run_id       VARCHAR NOT NULL, -- as in shape_traces
    structure_id VARCHAR NOT NULL, -- as in extracted_structures
    path         VARCHAR NOT NULL, -- as in extracted_modules; of a run of siblings, the first one's shapes
    input_shape  VARCHAR,          -- JSON; NULL = it takes no tensor
    output_shape VARCHAR           -- JSON; NULL = it gives no tensor
);

-- table cross_checks: the config's and the tensor header's view of one model, compared
CREATE TABLE cross_checks (
    run_id           VARCHAR NOT NULL, -- run that compared them
    model_id         VARCHAR NOT NULL, -- as in sightings
    source           VARCHAR NOT NULL, -- as in sightings
    revision         VARCHAR NOT NULL, -- as in sightings
    verdict          VARCHAR NOT NULL, -- agree, or the kind of disagreement, from the closed list in records.py
    config_structure VARCHAR NOT NULL, -- structure_id of the config's view
    header_structure VARCHAR,          -- structure_id of the header's view; NULL = it could not be read
    shared           INTEGER NOT NULL, -- parameters with the same name and shape in both
    only_config      INTEGER NOT NULL, -- parameters in the config's view alone
    only_header      INTEGER NOT NULL, -- tensors in the header alone
    detail           VARCHAR           -- examples; NULL = nothing to add
);

-- table traits: what the module tree cannot show
CREATE TABLE traits (
    structure_id VARCHAR NOT NULL, -- as in extracted_structures
    name         VARCHAR NOT NULL, -- activation, causal, position, tied_embeddings, kv_group_ratio, sliding_window, experts, ...
    value        VARCHAR NOT NULL  -- as text
);

-- table fingerprints: the hashes of a structure
CREATE TABLE fingerprints (
    run_id       VARCHAR NOT NULL, -- run that computed it
    structure_id VARCHAR NOT NULL, -- as in extracted_structures
    hash_version INTEGER NOT NULL, -- version of the definition
    exact_hash   VARCHAR NOT NULL, -- same architecture, same size
    layout_hash  VARCHAR NOT NULL, -- same plan, any width
    family_hash  VARCHAR NOT NULL, -- same plan, any width, any depth
    body_hash    VARCHAR           -- plan of the model without its heads, in terms that a config's and a tensor header's view share; NULL = hashed by version 1
);

-- table names: what a model's name and metadata say of its family
CREATE TABLE names (
    run_id           VARCHAR NOT NULL, -- run that parsed it
    model_id         VARCHAR NOT NULL, -- as in sightings
    source           VARCHAR NOT NULL, -- as in sightings
    base_name        VARCHAR NOT NULL, -- family by name, lower case
    base_name_simple VARCHAR NOT NULL, -- the earlier miner's rule
    owner            VARCHAR,          -- NULL = the id has none
    version          VARCHAR,          -- such as 3.1; NULL = none in the name
    size             VARCHAR,          -- such as 7b, 8x7b, base; NULL = none in the name
    variant          VARCHAR,          -- such as instruct, gptq; comma-separated; NULL = none in the name
    evidence         VARCHAR NOT NULL, -- where base_name comes from: base_model, adapter_config, gguf, model_type, architecture or name
    training         VARCHAR,          -- such as lora, dpo, merge; comma-separated; NULL = none in the name
    quantisation     VARCHAR,          -- such as q4_k_m, awq, 4bit, mlx; comma-separated; NULL = none in the name
    context          VARCHAR,          -- length of the context as written, such as 32k; NULL = none in the name
    step             VARCHAR           -- date or training step as written, such as 20240101, step1000; NULL = none in the name
);

-- table similarities: a verified pair of structures at or above the threshold of the run that found it
CREATE TABLE similarities (
    run_id      VARCHAR NOT NULL, -- run that computed it
    structure_a VARCHAR NOT NULL, -- the smaller id
    structure_b VARCHAR NOT NULL, -- the greater id
    similarity  DOUBLE NOT NULL,  -- by `method`, fraction in [0, 1]
    shared      DOUBLE NOT NULL,  -- weight of the shared tokens; sequence: modules in matching runs
    total       DOUBLE NOT NULL,  -- weight of the union; sequence: mean number of modules
    method      VARCHAR NOT NULL, -- weighted-jaccard or sequence (the earlier miner's definition)
    version     INTEGER NOT NULL, -- version of the method's definition
    only_a      VARCHAR[],        -- tokens of structure_a alone, the most frequent first, at most 12; NULL = not recorded
    only_b      VARCHAR[]         -- tokens of structure_b alone
);

-- table families: membership of a model
CREATE TABLE families (
    run_id                       VARCHAR NOT NULL, -- process run; the newest one is current
    strategy                     VARCHAR NOT NULL, -- name, architecture or both
    threshold                    DOUBLE NOT NULL,  -- similarity threshold, fraction in [0, 1]
    family_id                    VARCHAR NOT NULL, -- readable and unique within the run
    model_id                     VARCHAR NOT NULL, -- as in sightings
    source                       VARCHAR NOT NULL, -- as in sightings
    is_representative            BOOLEAN NOT NULL, -- one a family
    similarity_to_representative DOUBLE,           -- weighted Jaccard similarity, fraction in [0, 1], also below the threshold (same plan, other names); NULL = no structure to compare
    reason                       VARCHAR NOT NULL, -- why it is a member
    level                        VARCHAR           -- exact, layout, plan or similar: what joins two structures; NULL = strategy name, or an earlier version
);

-- table findings: where two pieces of evidence about a model disagree
CREATE TABLE findings (
    run_id         VARCHAR NOT NULL, -- process run; the newest one is current
    kind           VARCHAR NOT NULL, -- name_structure: name and structure place it in different families; child_shape: structure unlike its declared parent's; other_traits: same layout as other_model_id, other function
    source         VARCHAR NOT NULL, -- as in sightings
    model_id       VARCHAR NOT NULL, -- as in sightings
    other_model_id VARCHAR,          -- the model it is compared with; NULL = none
    said           VARCHAR NOT NULL, -- what the first piece of evidence says
    found          VARCHAR NOT NULL, -- what the second one says
    similarity     DOUBLE            -- of the two models' structures, fraction in [0, 1]; NULL = not compared
);

-- table representatives: what stage prune may take
CREATE TABLE representatives (
    run_id       VARCHAR NOT NULL, -- process run; the newest one is current
    family_id    VARCHAR NOT NULL, -- as in families
    model_id     VARCHAR NOT NULL, -- as in sightings
    source       VARCHAR NOT NULL, -- as in sightings
    revision     VARCHAR NOT NULL, -- as in sightings
    rank         INTEGER NOT NULL, -- 1 = the representative, 2 = next choice
    objective    VARCHAR NOT NULL, -- k-medoids or k-centre (version 1: smallest-with-weights, most-downloaded)
    has_weights  BOOLEAN NOT NULL, -- safetensors weights are reachable
    n_parameters BIGINT,           -- NULL = not extracted
    reason       VARCHAR NOT NULL, -- why this one
    mean_distance DOUBLE           -- of the family's models to the nearest choice up to this rank, weighted half by models and half by downloads, fraction in [0, 1]; NULL = no structures to compare
);

-- table coverage: how much of the corpus the first k representatives of families stand for
CREATE TABLE coverage (
    run_id          VARCHAR NOT NULL, -- process run; the newest one is current
    objective       VARCHAR NOT NULL, -- k-medoids or k-centre
    k               INTEGER NOT NULL, -- choices so far, from 1
    family_id       VARCHAR NOT NULL, -- family of the k-th choice
    source          VARCHAR NOT NULL, -- of the k-th choice, as in sightings
    model_id        VARCHAR NOT NULL, -- the k-th choice, as in sightings
    distance        DOUBLE NOT NULL,  -- greatest distance (1 - similarity) that counts as covered, fraction in [0, 1]
    share_models    DOUBLE NOT NULL,  -- models within that distance of one of the first k choices, fraction in [0, 1]
    share_downloads DOUBLE,           -- the same of downloads; NULL = no downloads are known
    reason          VARCHAR NOT NULL  -- why the k-th choice
);

-- table map_points: a 2-D map of the distinct structures, near where they are similar
CREATE TABLE map_points (
    run_id       VARCHAR NOT NULL, -- process run; the newest one is current
    structure_id VARCHAR NOT NULL, -- as in extracted_structures; stands for those with the same plan and tokens
    x            DOUBLE NOT NULL,  -- without unit
    y            DOUBLE NOT NULL,  -- without unit
    method       VARCHAR NOT NULL, -- how it was drawn
    n_models     INTEGER NOT NULL  -- models that it stands for
);

-- table analyses: the outcome of one redundancy analysis of one dense model in one run
CREATE TABLE analyses (
    run_id       VARCHAR NOT NULL, -- run that did it
    analysis_key VARCHAR NOT NULL, -- hash of all that its numbers depend on: model, analysis, version, text, settings, seed
    source       VARCHAR NOT NULL, -- as in sightings
    model_id     VARCHAR NOT NULL, -- as in sightings
    revision     VARCHAR NOT NULL, -- as in sightings
    analysis     VARCHAR NOT NULL, -- such as rank
    version      INTEGER NOT NULL, -- version of the analysis
    text_hash    VARCHAR,          -- hash of the text that it read; NULL = weights alone
    settings     VARCHAR NOT NULL, -- JSON of the options that change a number, keys sorted; of a file the hash of its content
    options      VARCHAR NOT NULL, -- JSON of all options, those that choose components too: what was asked for
    seed         INTEGER NOT NULL, -- seed of what is drawn, the calibration text too; 0 where nothing is
    device       VARCHAR NOT NULL, -- cpu or cuda
    status       VARCHAR NOT NULL, -- done | partial (stopped by its time limit) | refused | failed
    reason       VARCHAR,          -- from the list of experiments; NULL = done or partial
    detail       VARCHAR,          -- what was expected and what was found, or what was left out; NULL = nothing to say
    components   INTEGER NOT NULL, -- components measured in this run, those of earlier runs left out
    seconds      DOUBLE NOT NULL,  -- time on the clock in this run
    git_commit   VARCHAR           -- commit of this project; NULL = unknown
);

-- table redundancy: one measurement of a dense model
CREATE TABLE redundancy (
    run_id       VARCHAR NOT NULL, -- run that measured it
    model_id     VARCHAR NOT NULL, -- as in sightings
    revision     VARCHAR NOT NULL, -- as in sightings
    analysis     VARCHAR NOT NULL, -- such as rank
    version      INTEGER NOT NULL, -- version of the analysis
    component    VARCHAR NOT NULL, -- such as layers 3-5; all rows of a component are written together
    value        DOUBLE NOT NULL,  -- in `unit`
    unit         VARCHAR NOT NULL, -- such as fraction of pi
    seed         INTEGER NOT NULL, -- as in analyses
    analysis_key VARCHAR,          -- as in analyses; NULL = measured before schema version 4
    measure      VARCHAR,          -- what the number is, such as effective_rank; NULL = before schema version 4
    variant      VARCHAR,          -- which form of the analysis, such as original; NULL = it has one
    target       VARCHAR,          -- part of a layer, such as mlp, query or head; NULL = none in particular
    layer        INTEGER,          -- first layer or state that it is about, counted from 0; NULL = none in particular
    other_layer  INTEGER,          -- second layer, last of a block, or where a copy came from; NULL = none
    head         INTEGER,          -- head of `layer`, counted from 0; NULL = none in particular
    other_head   INTEGER,          -- second head; NULL = none
    x            DOUBLE,           -- place on a curve, such as a threshold or a training step; NULL = no curve
    n            INTEGER           -- windows or prompts behind the number; NULL = counted, not sampled
);

-- table proxies: how well a cheap score foretells measured damage, over the components of one model or pooled
CREATE TABLE proxies (
    run_id       VARCHAR NOT NULL, -- run that compared them
    source       VARCHAR,          -- as in sightings; NULL = pooled over models
    model_id     VARCHAR,          -- as in sightings; NULL = pooled over models, ranks taken within each
    target       VARCHAR NOT NULL, -- what was ablated: layer | attention | mlp | head
    proxy        VARCHAR NOT NULL, -- cheap score, such as angular-last
    truth        VARCHAR NOT NULL, -- measured damage, such as kl
    spearman     DOUBLE,           -- rank correlation in [-1, 1]; NULL = one of them does not vary
    ci_low       DOUBLE,           -- lower end of the 95 % bootstrap interval; NULL = none
    ci_high      DOUBLE,           -- upper end; NULL = none
    n_components INTEGER NOT NULL, -- components behind it
    n_models     INTEGER NOT NULL  -- models behind it
);

-- table experiments: one pruning run; ratio 0 = the dense model
CREATE TABLE experiments (
    run_id          VARCHAR NOT NULL, -- run that did it
    experiment_key  VARCHAR NOT NULL, -- blake2b of the specification
    model_id        VARCHAR NOT NULL, -- as in sightings
    source          VARCHAR NOT NULL, -- as in sightings
    revision        VARCHAR NOT NULL, -- as in sightings
    method          VARCHAR NOT NULL, -- dense, or a method's name
    method_version  INTEGER NOT NULL, -- version of the method
    scope           VARCHAR NOT NULL, -- none, weight, neuron, head, layer, expert or factorisation
    ratio           DOUBLE NOT NULL,  -- asked share of the prunable part, fraction in [0, 1)
    seed            INTEGER NOT NULL, -- seed of the experiment
    calibration     VARCHAR,          -- blake2b of the calibration text; NULL = the method needs none
    evaluation      VARCHAR NOT NULL, -- blake2b of the evaluation text
    device          VARCHAR NOT NULL, -- cpu or cuda
    status          VARCHAR NOT NULL, -- done, refused or failed
    reason          VARCHAR,          -- unsupported, ratio_too_small, timeout, out_of_memory, crashed, not_finite or error; NULL = done
    detail          VARCHAR,          -- the original words; NULL = nothing to add
    seconds         DOUBLE NOT NULL,  -- time it took, seconds
    git_commit      VARCHAR,          -- commit of the project; NULL = not run from a git checkout
    removed_share   DOUBLE,           -- share of the scope's own units that the method removed, fraction in (0, 1]; NULL = dense, not done, or before schema version 5
    removed_as      VARCHAR           -- what lies where they were: gone, zeros, copies or low_rank; NULL as above
);

-- table metrics: one number of one experiment
CREATE TABLE metrics (
    run_id         VARCHAR NOT NULL, -- run that measured it
    experiment_key VARCHAR NOT NULL, -- as in experiments
    metric         VARCHAR NOT NULL, -- name of the metric plug-in
    value          DOUBLE NOT NULL,  -- in `unit`
    unit           VARCHAR NOT NULL, -- such as 1, bytes, seconds
    n              INTEGER NOT NULL, -- windows or repeats behind the value; 1 = counted
    ci_low         DOUBLE,           -- lower end of the 95 % interval; NULL = no interval
    ci_high        DOUBLE            -- upper end; NULL = no interval
);

-- table window_losses: the loss of one experiment's model on one evaluation window
CREATE TABLE window_losses (
    run_id          VARCHAR NOT NULL,  -- run that measured it
    experiment_key  VARCHAR NOT NULL,  -- as in experiments
    window_position INTEGER NOT NULL,  -- place of the window in the evaluation text, from 0
    nats            DOUBLE NOT NULL,   -- summed negative log-likelihood of the scored tokens, nats
    tokens          INTEGER NOT NULL   -- scored tokens
);

-- table checks: one sanity check of one experiment
CREATE TABLE checks (
    run_id         VARCHAR NOT NULL, -- run that checked it
    experiment_key VARCHAR,          -- as in experiments; NULL = of the model, not of one experiment
    source         VARCHAR NOT NULL, -- as in sightings
    model_id       VARCHAR NOT NULL, -- as in sightings
    check_name     VARCHAR NOT NULL, -- text_apart, text_overlap, dense_again, sparsity or counts (docs/PROTOCOL.md)
    outcome        VARCHAR NOT NULL, -- ok, failed or not_applicable
    detail         VARCHAR NOT NULL  -- what was expected and what was found, with numbers
);

-- table samples: generated text
CREATE TABLE samples (
    run_id         VARCHAR NOT NULL, -- run that generated it
    experiment_key VARCHAR NOT NULL, -- as in experiments
    prompt         VARCHAR NOT NULL, -- fixed prompt
    text           VARCHAR NOT NULL  -- greedy continuation
);

-- table methods: a pruning method as the program described it
CREATE TABLE methods (
    run_id     VARCHAR NOT NULL, -- run of stage prune that first described it so
    method     VARCHAR NOT NULL, -- as in experiments
    version    INTEGER NOT NULL, -- as method_version in experiments
    scope      VARCHAR NOT NULL, -- as in experiments
    origin     VARCHAR NOT NULL, -- the paper, or the reason for it
    calibrated BOOLEAN NOT NULL, -- it looks at text
    random     BOOLEAN NOT NULL  -- its seed matters
);

-- view current_extractions: the newest outcome of each model revision
CREATE VIEW current_extractions AS
SELECT * FROM extractions
QUALIFY row_number() OVER (PARTITION BY source, model_id, revision ORDER BY run_id DESC) = 1;

-- view modules: modules with their shapes (NULL = not traced, or the module did not run)
CREATE VIEW modules AS
SELECT module.*, shapes.input_shape, shapes.output_shape
FROM extracted_modules AS module
LEFT JOIN (
    SELECT structure_id, path, input_shape, output_shape FROM module_shapes
    QUALIFY row_number() OVER (PARTITION BY structure_id, path ORDER BY run_id DESC) = 1
) AS shapes USING (structure_id, path);

-- view current_shape_traces: the newest attempt for each structure
CREATE VIEW current_shape_traces AS
SELECT * FROM shape_traces
QUALIFY row_number() OVER (PARTITION BY structure_id ORDER BY run_id DESC) = 1;

-- view current_cross_checks: the newest comparison of each model revision
CREATE VIEW current_cross_checks AS
SELECT * FROM cross_checks
QUALIFY row_number() OVER (PARTITION BY source, model_id, revision ORDER BY run_id DESC) = 1;

-- view models: a model at a revision as last seen, with first_seen_run, last_seen_run and config_hash
CREATE VIEW models AS
SELECT
    seen.* EXCLUDE (run_id),
    min(seen.run_id) OVER (PARTITION BY seen.source, seen.model_id, seen.revision) AS first_seen_run,
    seen.run_id AS last_seen_run,
    extraction.config_hash
FROM sightings AS seen
LEFT JOIN current_extractions AS extraction USING (source, model_id, revision)
QUALIFY row_number() OVER (PARTITION BY seen.source, seen.model_id, seen.revision ORDER BY seen.run_id DESC) = 1;

-- view newest_models: each model at the revision that was seen last
CREATE VIEW newest_models AS
SELECT * FROM models
QUALIFY row_number() OVER (PARTITION BY source, model_id ORDER BY last_seen_run DESC, revision DESC) = 1;

-- view current_names: names as the newest process run parsed them
CREATE VIEW current_names AS
SELECT * FROM names WHERE run_id = (SELECT max(run_id) FROM names);

-- view structures: extracted structures with their newest hashes (NULL = not processed yet)
CREATE VIEW structures AS
SELECT
    structure.* EXCLUDE (run_id),
    hashes.exact_hash, hashes.layout_hash, hashes.family_hash, hashes.body_hash, hashes.hash_version
FROM extracted_structures AS structure
LEFT JOIN (
    SELECT * FROM fingerprints
    QUALIFY row_number() OVER (PARTITION BY structure_id ORDER BY hash_version DESC, run_id DESC) = 1
) AS hashes USING (structure_id);

-- view model_levels: each model with the hashes of its structure (NULL = it has none, or is not processed yet); is_part = a component or an adapter
CREATE VIEW model_levels AS
WITH seen AS (
    SELECT
        source, model_id,
        arg_max(revision, (run_id, revision)) AS revision,
        arg_max_null(downloads, (run_id, revision)) AS downloads,
        arg_max_null(base_model_relation, (run_id, revision)) AS relation
    FROM sightings
    GROUP BY source, model_id
),
outcomes AS (  -- aggregates rather than the windows of other views: two seconds instead of five for two million models
    SELECT
        source, model_id, revision,
        arg_max_null(structure_id, run_id) AS structure_id,
        arg_max_null(reason, run_id) AS reason
    FROM extractions
    GROUP BY source, model_id, revision
)
SELECT
    seen.source, seen.model_id, revision, downloads, structure_id,
    structure.provenance, structure.exact_hash, structure.layout_hash, structure.family_hash, structure.body_hash,
    coalesce(outcomes.reason = 'component' OR seen.relation = 'adapter' OR structure.provenance = 'adapter', false)
        AS is_part
FROM seen
LEFT JOIN outcomes USING (source, model_id, revision)
LEFT JOIN structures AS structure USING (structure_id);

-- view view_mappings: a tensor header's view of a structure and the config's view of it, with the evidence (same_model or same_body)
CREATE VIEW view_mappings AS
SELECT DISTINCT header_structure, config_structure, 'same_model' AS evidence
FROM current_cross_checks
WHERE header_structure IS NOT NULL AND verdict IN ('agree', 'tied_weights', 'experts_stacked', 'prefix', 'quantised')
UNION ALL
SELECT header.structure_id, config.structure_id, 'same_body'
FROM structures AS header
JOIN structures AS config USING (body_hash)
WHERE header.provenance IN ('header', 'gguf') AND config.provenance = 'config';

-- view current_findings: disagreements of the newest process run
CREATE VIEW current_findings AS
SELECT * FROM findings WHERE run_id = (SELECT max(run_id) FROM names);

-- view current_coverage: coverage curve of the newest process run
CREATE VIEW current_coverage AS
SELECT * FROM coverage WHERE run_id = (SELECT max(run_id) FROM names);

-- view current_map_points: map of the newest process run
CREATE VIEW current_map_points AS
SELECT * FROM map_points WHERE run_id = (SELECT max(run_id) FROM names);

-- view current_families: membership of the newest process run
CREATE VIEW current_families AS
SELECT * FROM families WHERE run_id = (SELECT max(run_id) FROM names);

-- view current_representatives: choices of the newest process run
CREATE VIEW current_representatives AS
SELECT * FROM representatives WHERE run_id = (SELECT max(run_id) FROM names);

-- view current_experiments: the newest outcome of each experiment
CREATE VIEW current_experiments AS
SELECT * FROM experiments
QUALIFY row_number() OVER (PARTITION BY experiment_key ORDER BY run_id DESC) = 1;

-- view current_metrics: the numbers of the current experiments
CREATE VIEW current_metrics AS
SELECT metric.* FROM metrics AS metric
JOIN current_experiments AS experiment USING (experiment_key, run_id);

-- view current_window_losses: the window losses of the current experiments
CREATE VIEW current_window_losses AS
SELECT loss.* FROM window_losses AS loss
JOIN current_experiments AS experiment USING (experiment_key, run_id);

-- view current_checks: the newest outcome of each check of each current experiment or model
CREATE VIEW current_checks AS
SELECT * FROM checks
QUALIFY row_number() OVER (
    PARTITION BY source, model_id, experiment_key, check_name ORDER BY run_id DESC, outcome, detail
) = 1;

-- view leading_protocols: a model's protocol (revision, evaluation text, device) with the most pruned results, the newest of equals
CREATE VIEW leading_protocols AS
SELECT source, model_id, revision, evaluation, device
FROM current_experiments
WHERE status = 'done'
GROUP BY source, model_id, revision, evaluation, device
HAVING bool_or(method = 'dense')
QUALIFY row_number() OVER (
    PARTITION BY source, model_id
    ORDER BY
        count(DISTINCT (method, ratio, seed)) FILTER (method <> 'dense') DESC, max(run_id) DESC,
        revision, evaluation, device
) = 1;

-- view current_methods: the newest description of each version of a method
CREATE VIEW current_methods AS
SELECT * FROM methods
QUALIFY row_number() OVER (PARTITION BY method, version ORDER BY run_id DESC, origin) = 1;

-- view current_analyses: the newest outcome of each analysis; of several choices of components in one run, one with numbers
CREATE VIEW current_analyses AS
SELECT * FROM analyses
QUALIFY row_number() OVER (
    PARTITION BY analysis_key ORDER BY run_id DESC, status IN ('done', 'partial') DESC, options
) = 1;

-- view current_redundancy: the numbers of each model's newest form of each analysis that has any
CREATE VIEW current_redundancy AS
WITH newest AS (
    SELECT source, model_id, analysis, analysis_key
    FROM analyses  -- another choice of components that failed since takes nothing away
    WHERE status IN ('done', 'partial')
    QUALIFY row_number() OVER (PARTITION BY source, model_id, analysis ORDER BY run_id DESC, analysis_key) = 1
)
SELECT newest.source, redundancy.*
FROM redundancy
JOIN newest USING (analysis_key)
QUALIFY row_number() OVER (
    PARTITION BY analysis_key, component, measure, variant, target, x ORDER BY redundancy.run_id DESC
) = 1;

-- view current_proxies: the comparison of the newest run that made one
CREATE VIEW current_proxies AS
SELECT * FROM proxies WHERE run_id = (SELECT max(run_id) FROM proxies);
