-- One row a task and family: the models of both; the ten families with most models in each task.
WITH counted AS (
    SELECT
        coalesce(seen.task, 'not stated') AS task,
        family.family_id,
        count(*) AS n_models,
        least(sum(seen.downloads), 9223372036854775807)::BIGINT AS downloads,
        min(structure.n_parameters) AS fewest_parameters,
        max(structure.n_parameters) AS most_parameters
    FROM current_families AS family
    JOIN newest_models AS seen USING (source, model_id)
    LEFT JOIN current_extractions AS outcome USING (source, model_id, revision)
    LEFT JOIN structures AS structure USING (structure_id)
    GROUP BY ALL
)
SELECT *
FROM counted
QUALIFY row_number() OVER (PARTITION BY task ORDER BY n_models DESC, downloads DESC NULLS LAST, family_id) <= 10
ORDER BY task, n_models DESC, downloads DESC NULLS LAST, family_id
