-- One row an outcome of running a structure without weights, and the kind of error that ended it: structures, modules
-- with shapes among all of theirs (folded runs once), and one as an example.
WITH shapes AS (
    SELECT structure_id, count(*) AS n_modules, count(coalesce(output_shape, input_shape)) AS n_with_shapes
    FROM modules
    GROUP BY structure_id
),
named AS (
    SELECT structure_id, min(model_id) AS model_id
    FROM current_extractions
    GROUP BY structure_id
)
SELECT
    trace.status,
    coalesce(nullif(regexp_extract(trace.detail, '[A-Za-z_]*(Error|Exception|Interrupt)'), ''), 'none named') AS error,
    count(*) AS n_structures,
    sum(shapes.n_modules)::BIGINT AS n_modules,
    sum(shapes.n_with_shapes)::BIGINT AS n_with_shapes,
    min(named.model_id) AS example,
    arg_min(trace.detail, (named.model_id, trace.structure_id)) AS example_detail
FROM current_shape_traces AS trace
LEFT JOIN shapes USING (structure_id)
LEFT JOIN named USING (structure_id)
GROUP BY ALL
ORDER BY trace.status DESC, n_structures DESC, error
