-- One row a run that brought something: what the store held after it. Models ever seen, distinct structures, families of
-- the newest process run until then (NULL = none yet), finished experiments.
WITH firsts AS (
    SELECT min(run_id) AS run_id, 1 AS models, 0 AS structures, 0 AS experiments
    FROM sightings
    GROUP BY source, model_id
    UNION ALL
    SELECT min(run_id), 0, 1, 0 FROM extracted_structures GROUP BY structure_id
    UNION ALL
    SELECT min(run_id), 0, 0, 1 FROM experiments WHERE status = 'done' GROUP BY experiment_key
),
added AS (
    SELECT run_id, sum(models) AS models, sum(structures) AS structures, sum(experiments) AS experiments
    FROM firsts
    GROUP BY run_id
),
grouped AS (SELECT run_id, count(DISTINCT family_id) AS families FROM families GROUP BY run_id),
reached AS (
    SELECT
        run_id,
        coalesce(sum(added.models) OVER past, 0)::BIGINT AS n_models,
        coalesce(sum(added.structures) OVER past, 0)::BIGINT AS n_structures,
        last_value(grouped.families IGNORE NULLS) OVER past AS n_families,
        coalesce(sum(added.experiments) OVER past, 0)::BIGINT AS n_experiments
    FROM added
    FULL JOIN grouped USING (run_id)
    WINDOW past AS (ORDER BY run_id ROWS UNBOUNDED PRECEDING)
)
SELECT *
FROM reached
QUALIFY coalesce(
    (n_models, n_structures, n_families, n_experiments)
        IS DISTINCT FROM lag((n_models, n_structures, n_families, n_experiments)) OVER (ORDER BY run_id),
    true
)
ORDER BY run_id
