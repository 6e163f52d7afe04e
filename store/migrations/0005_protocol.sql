-- Version 5: losses by window for paired comparisons, what was removed in the method's own units, sanity checks.

CREATE TABLE window_losses (
    run_id          VARCHAR NOT NULL,
    experiment_key  VARCHAR NOT NULL,
    window_position INTEGER NOT NULL,
    nats            DOUBLE NOT NULL,
    tokens          INTEGER NOT NULL
);

CREATE TABLE checks (
    run_id         VARCHAR NOT NULL,
    experiment_key VARCHAR,
    source         VARCHAR NOT NULL,
    model_id       VARCHAR NOT NULL,
    check_name     VARCHAR NOT NULL,
    outcome        VARCHAR NOT NULL,
    detail         VARCHAR NOT NULL
);

ALTER TABLE experiments ADD COLUMN removed_share DOUBLE;
ALTER TABLE experiments ADD COLUMN removed_as VARCHAR;

CREATE OR REPLACE VIEW current_experiments AS
SELECT * FROM experiments
QUALIFY row_number() OVER (PARTITION BY experiment_key ORDER BY run_id DESC) = 1;

CREATE OR REPLACE VIEW current_metrics AS
SELECT metric.* FROM metrics AS metric
JOIN current_experiments AS experiment USING (experiment_key, run_id);

CREATE OR REPLACE VIEW current_window_losses AS
SELECT loss.* FROM window_losses AS loss
JOIN current_experiments AS experiment USING (experiment_key, run_id);

CREATE OR REPLACE VIEW current_checks AS
SELECT * FROM checks
QUALIFY row_number() OVER (
    PARTITION BY source, model_id, experiment_key, check_name ORDER BY run_id DESC, outcome, detail
) = 1;

CREATE OR REPLACE VIEW leading_protocols AS
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
