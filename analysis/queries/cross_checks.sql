-- One row a verdict on a config against a tensor header: models, parameters on each side, and one of them as an example.
SELECT
    verdict,
    count(*) AS n_models,
    sum(shared)::BIGINT AS shared,
    sum(only_config)::BIGINT AS only_config,
    sum(only_header)::BIGINT AS only_header,
    min(model_id) AS example,
    arg_min(detail, model_id || ' ' || revision) AS example_detail
FROM current_cross_checks
GROUP BY verdict
ORDER BY n_models DESC, verdict
