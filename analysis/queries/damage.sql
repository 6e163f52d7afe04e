-- One row a model, method and ratio under the model's leading protocol: measured numbers relative to the dense model.
-- Seeds are averaged; the interval then runs from the lowest to the highest end. The dense value is taken as exact.
WITH wide AS (
    SELECT
        experiment_key,
        max(value) FILTER (metric = 'perplexity') AS perplexity,
        max(ci_low) FILTER (metric = 'perplexity') AS perplexity_low,
        max(ci_high) FILTER (metric = 'perplexity') AS perplexity_high,
        max(n) FILTER (metric = 'perplexity') AS n_windows,
        max(value) FILTER (metric = 'parameters') AS parameters,
        max(value) FILTER (metric = 'removed_fraction') AS removed_fraction,
        max(value) FILTER (metric = 'bytes') AS bytes,
        max(value) FILTER (metric = 'latency_ratio') AS latency_ratio,
        max(n) FILTER (metric = 'latency_ratio') AS n_latency,
        max(value) FILTER (metric = 'flops') AS flops,
        max(value) FILTER (metric = 'energy_estimate') AS energy_estimate
    FROM current_metrics
    WHERE isfinite(value)
    GROUP BY experiment_key
),
measured AS (
    SELECT experiment.*, wide.* EXCLUDE (experiment_key)
    FROM current_experiments AS experiment
    JOIN leading_protocols USING (source, model_id, revision, evaluation, device)
    JOIN wide USING (experiment_key)
    WHERE experiment.status = 'done' AND wide.perplexity > 0
),
dense AS (
    SELECT *
    FROM measured
    WHERE method = 'dense'
    QUALIFY row_number() OVER (PARTITION BY source, model_id ORDER BY run_id DESC, seed, experiment_key) = 1
),
pruned AS (
    SELECT *
    FROM measured
    WHERE method <> 'dense'
    QUALIFY row_number() OVER (
        PARTITION BY source, model_id, method, ratio, seed ORDER BY run_id DESC, experiment_key
    ) = 1
)
SELECT
    pruned.source,
    pruned.model_id,
    pruned.method,
    pruned.scope,
    pruned.ratio,
    count(*) AS n_seeds,
    min(pruned.n_windows) AS n_windows,
    avg(pruned.perplexity ORDER BY pruned.perplexity) AS perplexity,
    min(pruned.perplexity_low) AS perplexity_low,
    max(pruned.perplexity_high) AS perplexity_high,
    any_value(dense.perplexity) AS dense_perplexity,
    avg(pruned.perplexity / dense.perplexity ORDER BY pruned.perplexity / dense.perplexity) AS damage,
    min(pruned.perplexity_low / dense.perplexity) AS damage_low,
    max(pruned.perplexity_high / dense.perplexity) AS damage_high,
    avg(pruned.parameters / dense.parameters ORDER BY pruned.parameters / dense.parameters) AS parameters_left,
    avg(pruned.removed_fraction ORDER BY pruned.removed_fraction) AS removed_fraction,
    avg(pruned.bytes / dense.bytes ORDER BY pruned.bytes / dense.bytes) AS bytes_left,
    avg(pruned.latency_ratio ORDER BY pruned.latency_ratio) AS latency_left,
    min(pruned.n_latency) AS n_latency,
    avg(pruned.removed_share ORDER BY pruned.removed_share) AS removed_share,
    min(pruned.removed_as) AS removed_as,
    avg(pruned.flops / dense.flops ORDER BY pruned.flops / dense.flops) AS flops_left,
    avg(
        pruned.energy_estimate / dense.energy_estimate ORDER BY pruned.energy_estimate / dense.energy_estimate
    ) AS energy_estimate_left
FROM pruned
JOIN dense USING (source, model_id)
GROUP BY ALL
ORDER BY pruned.model_id, pruned.source, pruned.scope, pruned.method, pruned.ratio
