-- One row a family hash that several names share, most names first. A model counts at its newest revision.
SELECT
    structure.family_hash,
    count(DISTINCT name.base_name) AS n_names,
    count(*) AS n_models,
    list_sort(list(DISTINCT name.base_name))[:8] AS base_names
FROM current_names AS name
JOIN newest_models USING (source, model_id)
JOIN current_extractions AS outcome USING (source, model_id, revision)
JOIN structures AS structure USING (structure_id)
WHERE structure.family_hash IS NOT NULL
GROUP BY structure.family_hash
HAVING count(DISTINCT name.base_name) > 1
ORDER BY n_names DESC, n_models DESC, structure.family_hash
