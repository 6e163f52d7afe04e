-- One row a family hash that several names share, most names first.
SELECT
    structure.family_hash,
    count(DISTINCT name.base_name) AS n_names,
    count(*) AS n_models,
    list_sort(list(DISTINCT name.base_name))[:8] AS base_names
FROM (
    SELECT * FROM names QUALIFY row_number() OVER (PARTITION BY source, model_id ORDER BY run_id DESC) = 1
) AS name
JOIN current_extractions AS outcome USING (source, model_id)
JOIN structures AS structure USING (structure_id)
WHERE structure.family_hash IS NOT NULL
GROUP BY structure.family_hash
HAVING count(DISTINCT name.base_name) > 1
ORDER BY n_names DESC, n_models DESC, structure.family_hash
