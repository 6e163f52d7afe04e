-- One row a structure on the map of architectures, with one of its models, its task and its family.
WITH used AS (
    SELECT
        outcome.structure_id,
        min(seen.model_id) AS example,
        mode(seen.task ORDER BY seen.task) AS task,
        min(family.family_id) AS family_id
    FROM newest_models AS seen
    JOIN current_extractions AS outcome USING (source, model_id, revision)
    LEFT JOIN current_families AS family USING (source, model_id)
    GROUP BY outcome.structure_id
)
SELECT
    point.x,
    point.y,
    coalesce(used.example, point.structure_id) AS example,
    coalesce(used.task, 'not stated') AS task,
    used.family_id,
    point.n_models,
    structure.n_layers,
    structure.n_parameters
FROM current_map_points AS point
LEFT JOIN used USING (structure_id)
LEFT JOIN structures AS structure USING (structure_id)
ORDER BY point.structure_id, point.method
