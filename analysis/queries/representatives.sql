-- One row a family's first choice that has weights: what stage prune may take.
SELECT family_id, model_id, source, objective, n_parameters, reason
FROM current_representatives
WHERE rank = 1 AND has_weights
ORDER BY n_parameters NULLS LAST, family_id
