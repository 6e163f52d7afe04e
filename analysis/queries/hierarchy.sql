-- One row a task and nesting level: modules at that level in all of its models, folded runs counted out.
WITH RECURSIVE unfolded AS (
    SELECT structure_id, path, depth, repeats::BIGINT AS copies
    FROM extracted_modules
    WHERE parent IS NULL
    UNION ALL
    SELECT child.structure_id, child.path, child.depth, child.repeats * above.copies
    FROM extracted_modules AS child
    JOIN unfolded AS above ON child.structure_id = above.structure_id AND child.parent = above.path
),
levels AS (
    SELECT structure_id, depth, sum(copies)::BIGINT AS n_modules
    FROM unfolded
    WHERE depth > 0  -- the root, where it has parameters of its own
    GROUP BY ALL
)
SELECT coalesce(seen.task, 'not stated') AS task, levels.depth, sum(levels.n_modules)::BIGINT AS n_modules
FROM newest_models AS seen
JOIN current_extractions AS outcome USING (source, model_id, revision)
JOIN levels USING (structure_id)
GROUP BY ALL
ORDER BY task, levels.depth
