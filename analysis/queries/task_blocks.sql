-- One row a task and block, its number written N: models of the task that have one; the ten most frequent of each task.
WITH used AS (
    SELECT DISTINCT structure_id, regexp_replace(block, '\.[0-9]+(-[0-9]+)?$', '.N') AS block
    FROM extracted_modules
),
counted AS (
    SELECT coalesce(seen.task, 'not stated') AS task, used.block, count(*) AS n_models
    FROM newest_models AS seen
    JOIN current_extractions AS outcome USING (source, model_id, revision)
    JOIN used USING (structure_id)
    GROUP BY ALL
)
SELECT task, block, n_models
FROM counted
QUALIFY row_number() OVER (PARTITION BY task ORDER BY n_models DESC, block) <= 10
ORDER BY task, n_models DESC, block
