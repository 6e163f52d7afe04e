-- One row a task: its models, each at its newest revision, and the sizes of their structures.
SELECT
    coalesce(seen.task, 'not stated') AS task,
    count(*) AS n_models,
    count(DISTINCT outcome.structure_id) AS n_structures,
    median(structure.n_layers) AS median_layers,
    median(structure.n_parameters) AS median_parameters,
    avg(structure.max_depth) AS mean_depth,
    median(structure.max_depth) AS median_depth,
    avg(structure.n_layers) AS mean_layers,
    avg(structure.n_modules) AS mean_modules,
    min(structure.n_parameters) AS fewest_parameters,
    max(structure.n_parameters) AS most_parameters
FROM newest_models AS seen
JOIN current_extractions AS outcome USING (source, model_id, revision)
JOIN structures AS structure USING (structure_id)
GROUP BY ALL
ORDER BY n_models DESC, task
