-- One row a model, part of a layer and cheap score: the newest number. Heads have no NULL head, the other targets do.
-- A layer's block, states and CKA are those just before and just after it; its rank is the mean over its matrices.
WITH matrices AS (
    SELECT
        source, model_id, revision, analysis, measure, layer, head, value,
        CASE
            WHEN target IN ('query', 'key', 'value', 'fused', 'output') THEN 'attention'
            WHEN target IN ('gate', 'up', 'gate_up', 'down') THEN 'mlp'
        END AS part
    FROM current_redundancy
    WHERE analysis = 'rank' AND variant IN ('original', 'heads') AND measure = 'relative_effective_rank'
),
parts AS (
    SELECT source, model_id, revision, analysis, measure, 'layer' AS target, layer, NULL AS head, value
    FROM current_redundancy
    WHERE (analysis = 'blocks' AND other_layer = layer) OR (analysis IN ('states', 'cka') AND other_layer = layer + 1)
    UNION ALL
    SELECT source, model_id, revision, analysis, measure, target, layer, head, value
    FROM current_redundancy
    WHERE analysis IN ('weights', 'heads') AND target IN ('layer', 'attention', 'mlp', 'head')
    UNION ALL
    SELECT source, model_id, revision, analysis, measure, 'layer', layer, NULL, value FROM matrices WHERE head IS NULL
    UNION ALL
    SELECT source, model_id, revision, analysis, measure, part, layer, NULL, value
    FROM matrices
    WHERE head IS NULL AND part IS NOT NULL
    UNION ALL
    SELECT source, model_id, revision, analysis, measure, 'head', layer, head, value
    FROM matrices
    WHERE head IS NOT NULL
)
SELECT source, model_id, revision, analysis, measure, target, layer, head, avg(value ORDER BY value) AS value
FROM parts
WHERE layer IS NOT NULL AND (target = 'head') = (head IS NOT NULL)
GROUP BY ALL
ORDER BY source, model_id, target, layer, head, analysis, measure
