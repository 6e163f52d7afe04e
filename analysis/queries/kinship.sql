-- One row a pair of families with structures verified as similar: their most similar pair, and what only one of it has.
-- The 100 most similar; n_pairs counts all.
WITH members AS (
    SELECT DISTINCT family.family_id, outcome.structure_id
    FROM current_families AS family
    JOIN newest_models USING (source, model_id)
    JOIN current_extractions AS outcome USING (source, model_id, revision)
    WHERE outcome.structure_id IS NOT NULL
),
verified AS (
    SELECT * FROM similarities
    WHERE method = 'weighted-jaccard' AND version = (SELECT max(version) FROM similarities WHERE method = 'weighted-jaccard')
    QUALIFY row_number() OVER (PARTITION BY structure_a, structure_b ORDER BY run_id DESC) = 1
),
first_placed AS MATERIALIZED (  -- one side at a time: both at once are joined with each other first
    SELECT verified.*, members.family_id AS first_family
    FROM verified
    JOIN members ON members.structure_id = verified.structure_a
),
placed AS MATERIALIZED (
    SELECT first_placed.*, members.family_id AS second_family
    FROM first_placed
    JOIN members ON members.structure_id = first_placed.structure_b
),
pairs AS (
    SELECT
        least(first_family, second_family) AS family_a,
        greatest(first_family, second_family) AS family_b,
        similarity,
        CASE WHEN first_family < second_family THEN only_a ELSE only_b END AS only_a,
        CASE WHEN first_family < second_family THEN only_b ELSE only_a END AS only_b,
        structure_a,
        structure_b
    FROM placed
    WHERE first_family <> second_family
),
nearest AS (
    SELECT *
    FROM pairs
    QUALIFY row_number() OVER (
        PARTITION BY family_a, family_b ORDER BY similarity DESC, structure_a, structure_b
    ) = 1
)
SELECT
    family_a,
    family_b,
    similarity,
    coalesce(only_a[:3], []) AS only_a,
    coalesce(only_b[:3], []) AS only_b,
    count(*) OVER () AS n_pairs
FROM nearest
ORDER BY similarity DESC, family_a, family_b
LIMIT 100
