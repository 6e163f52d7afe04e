-- One row a model, measure and pair of boundaries: how alike the hidden states there are (states and cka).
SELECT source, model_id, analysis, measure, layer AS boundary, other_layer AS other_boundary, value, unit
FROM current_redundancy
WHERE analysis IN ('states', 'cka')
ORDER BY ALL
