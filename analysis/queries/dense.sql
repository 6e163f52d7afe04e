-- One row a model: its dense measurement under its leading protocol.
WITH newest AS (
    SELECT *
    FROM current_experiments
    JOIN leading_protocols USING (source, model_id, revision, evaluation, device)
    WHERE method = 'dense' AND status = 'done'
    QUALIFY row_number() OVER (PARTITION BY source, model_id ORDER BY run_id DESC, seed, experiment_key) = 1
)
SELECT
    newest.source,
    newest.model_id,
    max(metric.value) FILTER (metric.metric = 'perplexity') AS perplexity,
    max(metric.ci_low) FILTER (metric.metric = 'perplexity') AS perplexity_low,
    max(metric.ci_high) FILTER (metric.metric = 'perplexity') AS perplexity_high,
    max(metric.n) FILTER (metric.metric = 'perplexity') AS n_windows,
    max(metric.value) FILTER (metric.metric = 'perplexity_floor') AS perplexity_floor,
    max(metric.value) FILTER (metric.metric = 'parameters')::BIGINT AS parameters,
    max(metric.value) FILTER (metric.metric = 'bytes')::BIGINT AS bytes,
    max(metric.value) FILTER (metric.metric = 'latency') AS latency_seconds,
    newest.device,
    newest.evaluation
FROM newest
JOIN current_metrics AS metric USING (experiment_key)
WHERE isfinite(metric.value) AND (metric.metric <> 'perplexity' OR metric.value > 0)
GROUP BY newest.source, newest.model_id, newest.device, newest.evaluation
ORDER BY newest.model_id, newest.source
