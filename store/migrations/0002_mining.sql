-- Version 2: pages of listings, file names of models, shapes of modules, comparison of two views.

ALTER TABLE sightings ADD COLUMN files VARCHAR[];
ALTER TABLE sightings ADD COLUMN listed_parameters BIGINT;
DROP VIEW newest_models;
DROP VIEW models;
ALTER TABLE modules DROP COLUMN input_shape;
ALTER TABLE modules DROP COLUMN output_shape;
ALTER TABLE modules RENAME TO extracted_modules;

CREATE TABLE listing_pages (
    run_id     VARCHAR NOT NULL,
    listing_id VARCHAR NOT NULL,
    listing_key VARCHAR NOT NULL,
    source     VARCHAR NOT NULL,
    query      VARCHAR NOT NULL,
    page       INTEGER NOT NULL,
    cursor     VARCHAR,
    n_models   INTEGER NOT NULL,
    skipped    INTEGER NOT NULL
);

CREATE TABLE shape_traces (
    run_id       VARCHAR NOT NULL,
    structure_id VARCHAR NOT NULL,
    version      INTEGER NOT NULL,
    status       VARCHAR NOT NULL,
    detail       VARCHAR,
    inputs       VARCHAR NOT NULL
);

CREATE TABLE module_shapes (
    run_id       VARCHAR NOT NULL,
    structure_id VARCHAR NOT NULL,
    path         VARCHAR NOT NULL,
    input_shape  VARCHAR,
    output_shape VARCHAR
);

CREATE TABLE cross_checks (
    run_id           VARCHAR NOT NULL,
    model_id         VARCHAR NOT NULL,
    source           VARCHAR NOT NULL,
    revision         VARCHAR NOT NULL,
    verdict          VARCHAR NOT NULL,
    config_structure VARCHAR NOT NULL,
    header_structure VARCHAR,
    shared           INTEGER NOT NULL,
    only_config      INTEGER NOT NULL,
    only_header      INTEGER NOT NULL,
    detail           VARCHAR
);

CREATE VIEW modules AS
SELECT module.*, shapes.input_shape, shapes.output_shape
FROM extracted_modules AS module
LEFT JOIN (
    SELECT structure_id, path, input_shape, output_shape FROM module_shapes
    QUALIFY row_number() OVER (PARTITION BY structure_id, path ORDER BY run_id DESC) = 1
) AS shapes USING (structure_id, path);

CREATE VIEW current_shape_traces AS
SELECT * FROM shape_traces
QUALIFY row_number() OVER (PARTITION BY structure_id ORDER BY run_id DESC) = 1;

CREATE VIEW current_cross_checks AS
SELECT * FROM cross_checks
QUALIFY row_number() OVER (PARTITION BY source, model_id, revision ORDER BY run_id DESC) = 1;

CREATE VIEW models AS
SELECT
    seen.* EXCLUDE (run_id),
    min(seen.run_id) OVER (PARTITION BY seen.source, seen.model_id, seen.revision) AS first_seen_run,
    seen.run_id AS last_seen_run,
    extraction.config_hash
FROM sightings AS seen
LEFT JOIN current_extractions AS extraction USING (source, model_id, revision)
QUALIFY row_number() OVER (PARTITION BY seen.source, seen.model_id, seen.revision ORDER BY seen.run_id DESC) = 1;

CREATE VIEW newest_models AS
SELECT * FROM models
QUALIFY row_number() OVER (PARTITION BY source, model_id ORDER BY last_seen_run DESC, revision DESC) = 1;
