-- One row a source, status and reason: how many model revisions ended so, with one of them as an example.
SELECT
    source,
    status,
    coalesce(reason, 'extracted') AS reason,
    count(*) AS n_models,
    min(model_id) AS example,
    arg_min(detail, model_id || ' ' || revision) AS example_detail
FROM current_extractions
GROUP BY ALL
ORDER BY n_models DESC, source, status, reason
