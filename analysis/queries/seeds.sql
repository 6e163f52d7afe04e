-- One row a model, method, ratio and seed under the model's leading protocol: the perplexity that was measured.
WITH measured AS (
    SELECT experiment.*, metric.value AS perplexity
    FROM current_experiments AS experiment
    JOIN leading_protocols USING (source, model_id, revision, evaluation, device)
    JOIN current_metrics AS metric USING (experiment_key)
    WHERE experiment.status = 'done' AND metric.metric = 'perplexity'
)
SELECT source, model_id, method, ratio, seed, perplexity
FROM measured
QUALIFY row_number() OVER (
    PARTITION BY source, model_id, method, ratio, seed ORDER BY run_id DESC, experiment_key
) = 1
ORDER BY model_id, source, method, ratio, seed
