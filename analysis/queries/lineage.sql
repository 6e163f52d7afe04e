-- One row a declared relation between two families: models of the one that say they were made from a model of the other.
-- parent_family is NULL where the parent is not among the mined models.
SELECT
    coalesce(seen.base_model_relation, 'not stated') AS relation,
    child.family_id AS child_family,
    parent.family_id AS parent_family,
    count(*) AS n_models,
    min(seen.model_id) AS example,
    arg_min(seen.base_model, seen.model_id) AS example_parent
FROM newest_models AS seen
JOIN current_families AS child USING (source, model_id)
LEFT JOIN current_families AS parent ON parent.source = seen.source AND parent.model_id = seen.base_model
WHERE seen.base_model IS NOT NULL
GROUP BY ALL
ORDER BY n_models DESC, relation, child_family, parent_family NULLS LAST
