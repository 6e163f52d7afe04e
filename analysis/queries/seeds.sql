-- One row a model, method, ratio and seed under the model's leading protocol: perplexity and what was removed.
WITH measured AS (
    SELECT experiment.*, metric.value AS perplexity, budget.value AS removed_fraction
    FROM current_experiments AS experiment
    JOIN leading_protocols USING (source, model_id, revision, evaluation, device)
    JOIN current_metrics AS metric USING (experiment_key)
    LEFT JOIN current_metrics AS budget
        ON budget.experiment_key = experiment.experiment_key AND budget.metric = 'removed_fraction'
    WHERE experiment.status = 'done' AND metric.metric = 'perplexity'
        AND isfinite(metric.value) AND metric.value > 0
)
SELECT source, model_id, method, ratio, seed, perplexity, removed_fraction, removed_share, removed_as
FROM measured
QUALIFY row_number() OVER (
    PARTITION BY source, model_id, method, ratio, seed ORDER BY run_id DESC, experiment_key
) = 1
ORDER BY model_id, source, method, ratio, seed
