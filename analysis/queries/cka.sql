-- One row a model and pair of states between its layers: how alike they are (linear CKA).
SELECT source, model_id, layer AS low_state, other_layer AS high_state, value AS cka, n AS n_windows
FROM current_redundancy
WHERE analysis = 'cka' AND measure = 'cka' AND layer IS NOT NULL AND other_layer IS NOT NULL
ORDER BY model_id, source, low_state, high_state
