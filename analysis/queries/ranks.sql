-- One row a model and role of a matrix: the mean over layers of the effective rank over the full rank.
SELECT
    source,
    model_id,
    target AS role,
    count(*) AS n_matrices,
    avg(value ORDER BY value) AS mean_rank,
    min(value) AS least_rank,
    max(value) AS greatest_rank
FROM current_redundancy
WHERE analysis = 'rank' AND measure = 'relative_effective_rank' AND variant = 'original' AND target IS NOT NULL
GROUP BY ALL
ORDER BY model_id, source, role
