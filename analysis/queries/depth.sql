-- One row a model and block of layers: the angular distance between what enters the block and what leaves it.
-- A model's blocks are of one measurement, the newest: a retrained model may have fewer layers.
-- A component is written "layers 3-5", both ends inside, or "layers 3" for a single layer.
WITH newest AS (
    SELECT *
    FROM redundancy
    WHERE analysis = 'angular-last'
    QUALIFY dense_rank() OVER (PARTITION BY model_id ORDER BY run_id DESC, version DESC, revision, seed) = 1
),
parsed AS (
    SELECT
        model_id,
        try_cast(regexp_extract(component, '(\d+)', 1) AS INTEGER) AS first_layer,
        try_cast(regexp_extract(component, '(\d+)\D*$', 1) AS INTEGER) AS last_layer,
        value AS distance,
        unit
    FROM newest
)
SELECT model_id, first_layer, last_layer - first_layer + 1 AS n_layers, distance, unit
FROM parsed
WHERE first_layer IS NOT NULL AND last_layer >= first_layer
ORDER BY model_id, n_layers, first_layer
