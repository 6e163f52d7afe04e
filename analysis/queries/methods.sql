-- One row a method that was run: what it is in the store's words (NULL = described by no run yet), and what became of it.
WITH tried AS (
    SELECT
        method,
        max(method_version) AS version,
        arg_max(scope, (method_version, run_id)) AS scope,
        bool_or(calibration IS NOT NULL) AS had_text,
        count(*) FILTER (status = 'done') AS n_done,
        count(*) FILTER (status = 'refused') AS n_refused,
        count(*) FILTER (status = 'failed') AS n_failed,
        count(DISTINCT (source, model_id)) AS n_models
    FROM current_experiments
    WHERE method <> 'dense'
    GROUP BY method
)
SELECT
    tried.method,
    tried.version,
    tried.scope,
    described.origin,
    coalesce(described.calibrated, tried.had_text) AS calibrated,
    described.random,
    tried.n_models,
    tried.n_done,
    tried.n_refused,
    tried.n_failed
FROM tried
LEFT JOIN current_methods AS described ON described.method = tried.method AND described.version = tried.version
ORDER BY tried.scope, tried.method
