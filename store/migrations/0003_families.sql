-- Version 3: what the body is, parts of names, evidence of similar pairs, findings, coverage, map.

DROP VIEW structures;
DROP VIEW current_names;
DROP VIEW current_families;
DROP VIEW current_representatives;
ALTER TABLE fingerprints ADD COLUMN body_hash VARCHAR;
ALTER TABLE names ADD COLUMN training VARCHAR;
ALTER TABLE names ADD COLUMN quantisation VARCHAR;
ALTER TABLE names ADD COLUMN context VARCHAR;
ALTER TABLE names ADD COLUMN step VARCHAR;
ALTER TABLE similarities ADD COLUMN only_a VARCHAR[];
ALTER TABLE similarities ADD COLUMN only_b VARCHAR[];
ALTER TABLE families ADD COLUMN level VARCHAR;
ALTER TABLE representatives ADD COLUMN mean_distance DOUBLE;

CREATE TABLE findings (
    run_id         VARCHAR NOT NULL,
    kind           VARCHAR NOT NULL,
    source         VARCHAR NOT NULL,
    model_id       VARCHAR NOT NULL,
    other_model_id VARCHAR,
    said           VARCHAR NOT NULL,
    found          VARCHAR NOT NULL,
    similarity     DOUBLE
);

CREATE TABLE coverage (
    run_id          VARCHAR NOT NULL,
    objective       VARCHAR NOT NULL,
    k               INTEGER NOT NULL,
    family_id       VARCHAR NOT NULL,
    source          VARCHAR NOT NULL,
    model_id        VARCHAR NOT NULL,
    distance        DOUBLE NOT NULL,
    share_models    DOUBLE NOT NULL,
    share_downloads DOUBLE,
    reason          VARCHAR NOT NULL
);

CREATE TABLE map_points (
    run_id       VARCHAR NOT NULL,
    structure_id VARCHAR NOT NULL,
    x            DOUBLE NOT NULL,
    y            DOUBLE NOT NULL,
    method       VARCHAR NOT NULL,
    n_models     INTEGER NOT NULL
);

CREATE VIEW structures AS
SELECT
    structure.* EXCLUDE (run_id),
    hashes.exact_hash, hashes.layout_hash, hashes.family_hash, hashes.body_hash, hashes.hash_version
FROM extracted_structures AS structure
LEFT JOIN (
    SELECT * FROM fingerprints
    QUALIFY row_number() OVER (PARTITION BY structure_id ORDER BY hash_version DESC, run_id DESC) = 1
) AS hashes USING (structure_id);

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

CREATE VIEW view_mappings AS
SELECT DISTINCT header_structure, config_structure, 'same_model' AS evidence
FROM current_cross_checks
WHERE header_structure IS NOT NULL AND verdict IN ('agree', 'tied_weights', 'experts_stacked', 'prefix', 'quantised')
UNION ALL
SELECT header.structure_id, config.structure_id, 'same_body'
FROM structures AS header
JOIN structures AS config USING (body_hash)
WHERE header.provenance IN ('header', 'gguf') AND config.provenance = 'config';

CREATE VIEW current_findings AS
SELECT * FROM findings WHERE run_id = (SELECT max(run_id) FROM names);

CREATE VIEW current_coverage AS
SELECT * FROM coverage WHERE run_id = (SELECT max(run_id) FROM names);

CREATE VIEW current_map_points AS
SELECT * FROM map_points WHERE run_id = (SELECT max(run_id) FROM names);

CREATE VIEW current_names AS
SELECT * FROM names WHERE run_id = (SELECT max(run_id) FROM names);

CREATE VIEW current_families AS
SELECT * FROM families WHERE run_id = (SELECT max(run_id) FROM names);

CREATE VIEW current_representatives AS
SELECT * FROM representatives WHERE run_id = (SELECT max(run_id) FROM names);
