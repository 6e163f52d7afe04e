-- One row a model, layer and head: its importance, the distance to the nearest other head of its layer (1 - cosine) and
-- the entropy of its attention (nats).
SELECT
    source,
    model_id,
    layer,
    head,
    max(value) FILTER (measure = 'importance') AS importance,
    max(value) FILTER (measure = 'nearest_distance') AS nearest_distance,
    max(value) FILTER (measure = 'entropy') AS entropy,
    max(n) AS n_prompts
FROM current_redundancy
WHERE analysis = 'heads' AND layer IS NOT NULL AND head IS NOT NULL AND other_head IS NULL
GROUP BY ALL
ORDER BY model_id, source, layer, head
