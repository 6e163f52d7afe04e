-- One row a model, role of a matrix and layer: the mean effective rank over the full rank of its matrices.
SELECT
    source, model_id, target AS role, layer, avg(value ORDER BY value) AS rank, count(*) AS n_matrices
FROM current_redundancy
WHERE
    analysis = 'rank' AND measure = 'relative_effective_rank' AND variant = 'original' AND target IS NOT NULL
    AND layer IS NOT NULL
GROUP BY ALL
ORDER BY model_id, source, role, layer
