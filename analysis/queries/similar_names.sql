-- One row a family hash that several names share, most names first. A model counts at its newest revision.
WITH newest AS (
    SELECT source, model_id, arg_max(revision, last_seen_run || ' ' || revision) AS revision
    FROM models
    GROUP BY ALL
)
SELECT
    structure.family_hash,
    count(DISTINCT name.base_name) AS n_names,
    count(*) AS n_models,
    list_sort(list(DISTINCT name.base_name))[:8] AS base_names
FROM (
    SELECT * FROM names WHERE run_id = (SELECT max(run_id) FROM names)
) AS name
JOIN newest USING (source, model_id)
JOIN current_extractions AS outcome USING (source, model_id, revision)
JOIN structures AS structure USING (structure_id)
WHERE structure.family_hash IS NOT NULL
GROUP BY structure.family_hash
HAVING count(DISTINCT name.base_name) > 1
ORDER BY n_names DESC, n_models DESC, structure.family_hash
