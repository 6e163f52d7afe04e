-- One row a task and kind of leaf module: models that have it, and modules in all of them (folded runs counted out).
WITH RECURSIVE unfolded AS (
    SELECT structure_id, path, kind, repeats::BIGINT AS copies
    FROM modules
    WHERE parent IS NULL
    UNION ALL
    SELECT child.structure_id, child.path, child.kind, child.repeats * above.copies
    FROM modules AS child
    JOIN unfolded AS above ON child.structure_id = above.structure_id AND child.parent = above.path
),
leaves AS (
    SELECT structure_id, kind, sum(copies)::BIGINT AS n_modules
    FROM unfolded
    WHERE kind NOT IN ('container', 'module')
    GROUP BY ALL
),
tasks AS (
    SELECT coalesce(seen.task, 'not stated') AS task, outcome.structure_id
    FROM newest_models AS seen
    JOIN current_extractions AS outcome USING (source, model_id, revision)
    WHERE outcome.structure_id IS NOT NULL
)
SELECT tasks.task, leaves.kind, count(*) AS n_models, sum(leaves.n_modules)::BIGINT AS n_modules
FROM tasks
JOIN leaves USING (structure_id)
GROUP BY ALL
ORDER BY n_modules DESC, tasks.task, leaves.kind
