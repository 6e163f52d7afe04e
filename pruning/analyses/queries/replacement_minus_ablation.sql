-- One row a replacement of one layer's part by another layer's: its damage minus that of ablating the part, of the
-- same revision on the same text. Negative = the other layer's weights do better than none.
WITH damage AS (
    SELECT
        redundancy.source, redundancy.model_id, redundancy.revision, redundancy.analysis, redundancy.target,
        redundancy.layer, redundancy.other_layer, redundancy.measure, redundancy.value, outcome.text_hash
    FROM current_redundancy AS redundancy
    JOIN current_analyses AS outcome USING (analysis_key)
    WHERE redundancy.measure IN ('kl', 'loss_increase')
        AND redundancy.analysis IN ('replacement', 'ablation')
        AND redundancy.layer IS NOT NULL
        AND redundancy.head IS NULL
)
SELECT
    replaced.source, replaced.model_id, replaced.target, replaced.layer, replaced.other_layer, replaced.measure,
    replaced.value AS replacement,
    ablated.value AS ablation,
    replaced.value - ablated.value AS difference
FROM damage AS replaced
JOIN damage AS ablated USING (source, model_id, revision, target, layer, measure, text_hash)
WHERE replaced.analysis = 'replacement' AND ablated.analysis = 'ablation' AND replaced.other_layer IS NOT NULL
ORDER BY ALL
