-- One row a naming rule and a level of equality: distinct names, and distinct structures among one model a name.
-- A name's model is its smallest, so that each name counts once. Names are those of the newest process run, which
-- writes them whole; a model counts at its newest revision.
WITH named AS (
    SELECT rule.rule, rule.base_name, structure.*
    FROM (
        SELECT 'parsed name' AS rule, base_name, source, model_id FROM current_names
        UNION ALL
        SELECT 'first word' AS rule, base_name_simple AS base_name, source, model_id FROM current_names
    ) AS rule
    JOIN newest_models USING (source, model_id)
    JOIN current_extractions AS outcome USING (source, model_id, revision)
    JOIN structures AS structure USING (structure_id)
    WHERE structure.family_hash IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY rule.rule, rule.base_name
        ORDER BY structure.n_parameters, rule.model_id, structure.structure_id
    ) = 1
),
levels AS (
    SELECT rule, base_name, 1 AS position, 'same sizes' AS level, exact_hash AS hash FROM named
    UNION ALL
    SELECT rule, base_name, 2 AS position, 'same plan, any width' AS level, layout_hash AS hash FROM named
    UNION ALL
    SELECT rule, base_name, 3 AS position, 'same plan, any width and depth' AS level, family_hash AS hash FROM named
)
SELECT
    rule,
    position,
    level,
    count(*) AS n_names,
    count(DISTINCT hash) AS n_structures,
    1 - count(DISTINCT hash) / count(*) AS duplicate_share
FROM levels
GROUP BY ALL
ORDER BY rule DESC, position
