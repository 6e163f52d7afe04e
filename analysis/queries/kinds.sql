-- One row a task and kind of leaf module: models that have it, and modules in all of them (folded runs counted out);
-- quartiles over the models that have it. A model's share of a kind is among its own leaf modules, and counts the same
-- for a large model as for a small one.
WITH RECURSIVE unfolded AS (
    SELECT structure_id, path, kind, repeats::BIGINT AS copies
    FROM extracted_modules
    WHERE parent IS NULL
    UNION ALL
    SELECT child.structure_id, child.path, child.kind, child.repeats * above.copies
    FROM extracted_modules AS child
    JOIN unfolded AS above ON child.structure_id = above.structure_id AND child.parent = above.path
),
leaves AS (
    SELECT
        structure_id,
        kind,
        sum(copies)::BIGINT AS n_modules,
        sum(copies) / sum(sum(copies)) OVER (PARTITION BY structure_id) AS share
    FROM unfolded
    WHERE kind NOT IN ('container', 'module')
    GROUP BY structure_id, kind
),
tasks AS (
    SELECT coalesce(seen.task, 'not stated') AS task, outcome.structure_id
    FROM newest_models AS seen
    JOIN current_extractions AS outcome USING (source, model_id, revision)
    WHERE outcome.structure_id IS NOT NULL
),
sizes AS (
    SELECT task, count(*) AS n_models
    FROM tasks
    WHERE structure_id IN (SELECT structure_id FROM leaves)
    GROUP BY task
)
SELECT
    tasks.task,
    leaves.kind,
    count(*) AS n_models,
    sum(leaves.n_modules)::BIGINT AS n_modules,
    sum(leaves.share ORDER BY leaves.share) / any_value(sizes.n_models) AS mean_share,
    min(leaves.n_modules) AS fewest,
    quantile_cont(leaves.n_modules, 0.25)::DOUBLE AS lower_quartile,
    median(leaves.n_modules)::DOUBLE AS median_modules,
    quantile_cont(leaves.n_modules, 0.75)::DOUBLE AS upper_quartile,
    max(leaves.n_modules) AS most
FROM tasks
JOIN leaves USING (structure_id)
JOIN sizes USING (task)
GROUP BY tasks.task, leaves.kind
ORDER BY n_modules DESC, tasks.task, leaves.kind
