-- One row a point of the newest map: a structure, its most downloaded model, and that model's family, task and size.
-- The 1,500 points that stand for most models; n_points counts all.
WITH used AS (
    SELECT
        outcome.structure_id,
        seen.source,
        seen.model_id,
        coalesce(seen.task, 'not stated') AS task,
        seen.downloads,
        family.family_id
    FROM newest_models AS seen
    JOIN current_extractions AS outcome USING (source, model_id, revision)
    LEFT JOIN current_families AS family USING (source, model_id)
    QUALIFY row_number() OVER (
        PARTITION BY outcome.structure_id ORDER BY seen.downloads DESC NULLS LAST, seen.source, seen.model_id
    ) = 1
),
sizes AS (
    SELECT family_id, count(*) AS n_models
    FROM current_families
    GROUP BY family_id
)
SELECT
    point.structure_id,
    used.source,
    used.model_id,
    used.family_id,
    sizes.n_models AS family_models,
    used.task,
    structure.n_parameters,
    point.n_models,
    point.x,
    point.y,
    point.method,
    count(*) OVER () AS n_points
FROM current_map_points AS point
JOIN used USING (structure_id)
JOIN structures AS structure USING (structure_id)
LEFT JOIN sizes USING (family_id)
ORDER BY point.n_models DESC, used.downloads DESC NULLS LAST, point.structure_id
LIMIT 1500
