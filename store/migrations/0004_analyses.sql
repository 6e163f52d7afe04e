-- Version 4: outcomes of analyses, what a measurement is about, cheap scores against damage.

CREATE TABLE analyses (
    run_id       VARCHAR NOT NULL,
    analysis_key VARCHAR NOT NULL,
    source       VARCHAR NOT NULL,
    model_id     VARCHAR NOT NULL,
    revision     VARCHAR NOT NULL,
    analysis     VARCHAR NOT NULL,
    version      INTEGER NOT NULL,
    text_hash    VARCHAR,
    settings     VARCHAR NOT NULL,
    options      VARCHAR NOT NULL,
    seed         INTEGER NOT NULL,
    device       VARCHAR NOT NULL,
    status       VARCHAR NOT NULL,
    reason       VARCHAR,
    detail       VARCHAR,
    components   INTEGER NOT NULL,
    seconds      DOUBLE NOT NULL,
    git_commit   VARCHAR
);

ALTER TABLE redundancy ADD COLUMN analysis_key VARCHAR;
ALTER TABLE redundancy ADD COLUMN measure VARCHAR;
ALTER TABLE redundancy ADD COLUMN variant VARCHAR;
ALTER TABLE redundancy ADD COLUMN target VARCHAR;
ALTER TABLE redundancy ADD COLUMN layer INTEGER;
ALTER TABLE redundancy ADD COLUMN other_layer INTEGER;
ALTER TABLE redundancy ADD COLUMN head INTEGER;
ALTER TABLE redundancy ADD COLUMN other_head INTEGER;
ALTER TABLE redundancy ADD COLUMN x DOUBLE;
ALTER TABLE redundancy ADD COLUMN n INTEGER;

CREATE TABLE proxies (
    run_id       VARCHAR NOT NULL,
    source       VARCHAR,
    model_id     VARCHAR,
    target       VARCHAR NOT NULL,
    proxy        VARCHAR NOT NULL,
    truth        VARCHAR NOT NULL,
    spearman     DOUBLE,
    ci_low       DOUBLE,
    ci_high      DOUBLE,
    n_components INTEGER NOT NULL,
    n_models     INTEGER NOT NULL
);

CREATE VIEW current_analyses AS
SELECT * FROM analyses
QUALIFY row_number() OVER (
    PARTITION BY analysis_key ORDER BY run_id DESC, status IN ('done', 'partial') DESC, options
) = 1;

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

CREATE VIEW current_proxies AS
SELECT * FROM proxies WHERE run_id = (SELECT max(run_id) FROM proxies);
