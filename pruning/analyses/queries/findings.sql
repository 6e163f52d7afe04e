-- One row a number of these analyses, the newest of each.
SELECT
    model_id, revision, analysis, component, measure, variant, target, layer, other_layer, head, other_head, x,
    value, unit, n, seed, analysis_key
FROM redundancy
WHERE list_contains($keys::VARCHAR[], analysis_key)
QUALIFY row_number() OVER (
    PARTITION BY analysis_key, component, measure, variant, target, layer, other_layer, head, other_head, x
    ORDER BY run_id DESC
) = 1
ORDER BY
    analysis, analysis_key, target NULLS FIRST, variant NULLS FIRST, layer NULLS FIRST, other_layer NULLS FIRST,
    head NULLS FIRST, other_head NULLS FIRST, component, measure, x NULLS FIRST
