-- One row a distinct structure, with the most frequent task among its models and one of its models.
WITH used AS (
    SELECT outcome.structure_id, coalesce(seen.task, 'not stated') AS task, seen.source, seen.model_id
    FROM models AS seen
    JOIN current_extractions AS outcome USING (source, model_id, revision)
    WHERE outcome.structure_id IS NOT NULL
),
main_task AS (
    SELECT structure_id, task
    FROM used
    GROUP BY structure_id, task
    QUALIFY row_number() OVER (PARTITION BY structure_id ORDER BY count(*) DESC, task) = 1
)
SELECT
    structure_id,
    main_task.task,
    min(used.model_id) AS example,
    count(DISTINCT (used.source, used.model_id)) AS n_models,
    any_value(structure.n_parameters) AS n_parameters,
    any_value(structure.n_layers) AS n_layers,
    any_value(structure.max_depth) AS max_depth,
    any_value(structure.n_modules) AS n_modules
FROM used
JOIN main_task USING (structure_id)
JOIN structures AS structure USING (structure_id)
GROUP BY structure_id, main_task.task
ORDER BY structure_id
