-- One row a model and block of layers: the angular distance between what enters the block and what leaves it.
SELECT source, model_id, layer AS first_layer, other_layer - layer + 1 AS n_layers, value AS distance, unit
FROM current_redundancy
WHERE analysis = 'blocks' AND measure = 'angular-last'
ORDER BY source, model_id, n_layers, first_layer
