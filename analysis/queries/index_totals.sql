-- One row a store: how much was mined, grouped and measured.
WITH mined AS (
    SELECT
        count(*) AS n_revisions,
        count(*) FILTER (outcome.status = 'extracted') AS n_extracted,
        count(DISTINCT outcome.structure_id) AS n_structures
    FROM models
    LEFT JOIN current_extractions AS outcome USING (source, model_id, revision)
),
grouped AS (
    SELECT
        count(*) AS n_family_models,
        count(DISTINCT family_id) AS n_families,
        coalesce(min(threshold), 0) AS threshold
    FROM current_families
),
chosen AS (
    SELECT count(DISTINCT family_id) AS n_families_with_weights
    FROM current_representatives
    WHERE rank = 1 AND has_weights
),
measured AS (
    SELECT
        count(*) FILTER (status = 'done') AS n_experiments,
        count(*) FILTER (status <> 'done') AS n_unfinished,
        count(DISTINCT (source, model_id)) FILTER (status = 'done' AND method <> 'dense') AS n_pruned_models
    FROM current_experiments
)
SELECT
    n_revisions, n_extracted, n_revisions - n_extracted AS n_without, n_structures,
    n_family_models, n_families, threshold, n_families_with_weights,
    n_experiments, n_unfinished, n_pruned_models
FROM mined, grouped, chosen, measured
ORDER BY n_revisions
