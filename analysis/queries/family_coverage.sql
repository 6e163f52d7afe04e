-- One row a set of families and a number k: what the k families with most models hold of all models with a family. The
-- sets are all families, and those whose representative has weights. Every k up to 200, then every 25th, and the last.
WITH families AS (
    SELECT
        family.family_id,
        count(*) AS n_models,
        sum(seen.downloads) AS downloads,
        sum(structure.n_parameters) AS parameters,
        family.family_id IN (SELECT family_id FROM current_representatives WHERE rank = 1 AND has_weights) AS has_weights
    FROM current_families AS family
    JOIN newest_models AS seen USING (source, model_id)
    LEFT JOIN current_extractions AS outcome USING (source, model_id, revision)
    LEFT JOIN structures AS structure USING (structure_id)
    GROUP BY family.family_id
),
totals AS (
    SELECT sum(n_models) AS n_models, sum(downloads) AS downloads, sum(parameters) AS parameters
    FROM families
),
choices AS (
    SELECT 'all families' AS family_set, * FROM families
    UNION ALL
    SELECT 'representative with weights' AS family_set, * FROM families WHERE has_weights
),
curve AS (
    SELECT
        family_set,
        row_number() OVER ordered AS k,
        count(*) OVER (PARTITION BY family_set) AS n_families,
        family_id,
        sum(choices.n_models) OVER ordered / totals.n_models AS share_models,
        sum(choices.downloads) OVER ordered / nullif(totals.downloads, 0) AS share_downloads,
        sum(choices.parameters) OVER ordered / nullif(totals.parameters, 0) AS share_parameters
    FROM choices
    CROSS JOIN totals
    WINDOW ordered AS (
        PARTITION BY family_set
        ORDER BY choices.n_models DESC, choices.downloads DESC NULLS LAST, family_id
        ROWS UNBOUNDED PRECEDING
    )
)
SELECT * FROM curve
WHERE k <= 200 OR k % 25 = 0 OR k = n_families
ORDER BY family_set, k
