-- One row a method, status and reason of the experiments that gave no numbers, with one of them as an example.
SELECT
    method,
    status,
    coalesce(reason, 'not stated') AS reason,
    count(*) AS n_experiments,
    min(model_id) AS example,
    arg_min(detail, model_id || ' ' || experiment_key) AS example_detail
FROM current_experiments
WHERE status <> 'done'
GROUP BY ALL
ORDER BY n_experiments DESC, method, status, reason
