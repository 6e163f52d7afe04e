-- One row a family with a model whose date of creation is known, the first to appear first.
SELECT
    family.family_id,
    count(*) AS n_models,
    count(seen.created_at) AS n_dated,
    min(seen.created_at) AS first_created,
    max(seen.created_at) AS last_created,
    arg_min(seen.model_id, (seen.created_at, seen.model_id)) AS first_model
FROM current_families AS family
JOIN newest_models AS seen USING (source, model_id)
GROUP BY family.family_id
HAVING count(seen.created_at) > 0
ORDER BY first_created, family.family_id
