-- One row a store: dense perplexity over the exact floor of the language, least and greatest over models.
WITH newest AS (
    SELECT source, model_id, experiment_key
    FROM current_experiments
    JOIN leading_protocols USING (source, model_id, revision, evaluation, device)
    WHERE method = 'dense' AND status = 'done'
    QUALIFY row_number() OVER (PARTITION BY source, model_id ORDER BY run_id DESC, seed, experiment_key) = 1
),
excess AS (
    SELECT
        max(metric.value) FILTER (metric.metric = 'perplexity')
            / max(metric.value) FILTER (metric.metric = 'perplexity_floor') AS over_floor
    FROM newest
    JOIN current_metrics AS metric USING (experiment_key)
    GROUP BY newest.source, newest.model_id
)
SELECT count(*) AS n_models, min(over_floor) AS least, max(over_floor) AS greatest
FROM excess
WHERE over_floor IS NOT NULL
HAVING count(*) > 0
ORDER BY n_models
