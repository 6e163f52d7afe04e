-- One row a model at the revision that was seen last: what became of it, its structure's sizes and its family.
SELECT
    seen.source,
    seen.model_id,
    seen.task,
    seen.downloads,
    coalesce(seen.has_weights, false) AS has_weights,
    coalesce(outcome.status, 'not tried') AS status,
    outcome.reason,
    structure.n_layers,
    structure.n_parameters,
    family.family_id
FROM newest_models AS seen
LEFT JOIN current_extractions AS outcome USING (source, model_id, revision)
LEFT JOIN structures AS structure USING (structure_id)
LEFT JOIN current_families AS family USING (source, model_id)
ORDER BY seen.downloads DESC NULLS LAST, seen.source, seen.model_id
