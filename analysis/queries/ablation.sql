-- One row a model and part of a layer: the damage when the part is taken out, nats per token.
SELECT
    source,
    model_id,
    target,
    layer,
    head,
    max(value) FILTER (measure = 'kl') AS kl,
    max(value) FILTER (measure = 'loss_increase') AS loss_increase,
    max(n) AS n_windows
FROM current_redundancy
WHERE analysis = 'ablation' AND target IN ('layer', 'attention', 'mlp', 'head') AND layer IS NOT NULL
GROUP BY ALL
HAVING max(value) FILTER (measure = 'kl') IS NOT NULL
ORDER BY model_id, source, target, layer, head
