-- One row a model, method and asked ratio without numbers: how it ended, and what the newest of its seeds said.
SELECT
    source,
    model_id,
    method,
    scope,
    ratio,
    count(*) AS n_experiments,
    arg_max(status, (run_id, experiment_key)) AS status,
    arg_max(coalesce(reason, 'not stated'), (run_id, experiment_key)) AS reason,
    arg_max(coalesce(detail, ''), (run_id, experiment_key)) AS detail
FROM current_experiments
WHERE status <> 'done'
GROUP BY source, model_id, method, scope, ratio
ORDER BY model_id, source, method, ratio
