-- One row a model, part of a layer and layer that it was copied from: the damage of the copy (KL, nats per token), and
-- that of nothing in its place, in the same revision on the same text (NULL = not measured); difference = copy minus
-- nothing.
WITH measured AS (
    SELECT redundancy.*, outcome.text_hash
    FROM current_redundancy AS redundancy
    JOIN current_analyses AS outcome USING (analysis_key)
    WHERE redundancy.measure = 'kl' AND redundancy.layer IS NOT NULL AND redundancy.head IS NULL
),
families AS (
    SELECT source, model_id, min(family_id) AS family_id FROM current_families GROUP BY source, model_id
)
SELECT
    copied.source,
    copied.model_id,
    families.family_id,
    copied.target,
    copied.layer,
    copied.other_layer,
    copied.value AS kl,
    nothing.value AS ablation_kl,
    copied.value - nothing.value AS difference,
    copied.n AS n_windows
FROM measured AS copied
LEFT JOIN measured AS nothing
    ON nothing.analysis = 'ablation'
    AND nothing.source = copied.source
    AND nothing.model_id = copied.model_id
    AND nothing.revision = copied.revision
    AND nothing.target = copied.target
    AND nothing.layer = copied.layer
    AND nothing.text_hash IS NOT DISTINCT FROM copied.text_hash
    AND nothing.n = copied.n
LEFT JOIN families ON families.source = copied.source AND families.model_id = copied.model_id
WHERE copied.analysis = 'replacement' AND copied.target IS NOT NULL AND copied.other_layer IS NOT NULL
ORDER BY copied.model_id, copied.source, copied.target, copied.layer, copied.other_layer
