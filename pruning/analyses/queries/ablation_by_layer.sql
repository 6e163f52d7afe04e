-- One row a model, target and layer: the damage of ablating it, and how deep it lies (0 = first layer, 1 = last).
SELECT
    source, model_id, target, layer,
    CAST(layer AS DOUBLE) / greatest(max(layer) OVER (PARTITION BY source, model_id), 1) AS depth,
    max(value) FILTER (measure = 'loss_increase') AS loss_increase,
    max(value) FILTER (measure = 'kl') AS kl,
    max(value) FILTER (measure = 'top1_agreement') AS top1_agreement,
    max(n) AS windows
FROM current_redundancy
WHERE analysis = 'ablation' AND layer IS NOT NULL AND head IS NULL
GROUP BY source, model_id, target, layer
ORDER BY source, model_id, target, layer
