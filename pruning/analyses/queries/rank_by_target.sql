-- One row a model, form of the rank analysis, kind of matrix and threshold: relative ranks over its matrices.
SELECT
    source, model_id, variant, target, x AS threshold,
    count(*) AS matrices,
    avg(value) AS mean_relative_rank,
    min(value) AS least_relative_rank,
    max(value) AS greatest_relative_rank
FROM current_redundancy
WHERE analysis = 'rank' AND measure = 'relative_rank'
GROUP BY ALL
ORDER BY ALL
