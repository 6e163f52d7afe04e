-- The pairs of structures that the newest process run found similar, each with the first of the models that have it.
WITH newest AS (
    SELECT
        CASE config_json ->> '$.similarity' WHEN 'sequence' THEN 'sequence' ELSE 'weighted-jaccard' END AS method,
        CAST(config_json ->> '$.similarity_threshold' AS DOUBLE) AS threshold
    FROM runs
    WHERE run_id = (SELECT max(run_id) FROM names)
),
pairs AS (
    SELECT * FROM similarities
    WHERE method = (SELECT method FROM newest)
        AND similarity >= (SELECT threshold FROM newest)
        AND version = (SELECT max(version) FROM similarities WHERE method = (SELECT method FROM newest))
    QUALIFY row_number() OVER (PARTITION BY structure_a, structure_b, method, version ORDER BY run_id DESC) = 1
),
named AS (
    SELECT structure_id, min(model_id) AS model_id
    FROM model_levels
    WHERE structure_id IS NOT NULL
    GROUP BY structure_id
)
SELECT
    pair.structure_a,
    one.model_id AS model_a,
    pair.structure_b,
    other.model_id AS model_b,
    pair.similarity,
    pair.shared,
    pair.total,
    pair.method,
    pair.version,
    array_to_string(pair.only_a, '; ') AS only_a,
    array_to_string(pair.only_b, '; ') AS only_b
FROM pairs AS pair
LEFT JOIN named AS one ON one.structure_id = pair.structure_a
LEFT JOIN named AS other ON other.structure_id = pair.structure_b
ORDER BY pair.method, pair.version, pair.structure_a, pair.structure_b
