-- One row a task and model: the ten with most parameters of each task, and the ten with most downloads.
SELECT
    coalesce(seen.task, 'not stated') AS task,
    seen.source,
    seen.model_id,
    family.family_id,
    seen.downloads,
    structure.n_parameters,
    structure.n_layers,
    row_number() OVER largest AS size_rank,
    CASE WHEN seen.downloads IS NOT NULL THEN row_number() OVER favourite END AS download_rank
FROM newest_models AS seen
JOIN current_extractions AS outcome USING (source, model_id, revision)
JOIN structures AS structure USING (structure_id)
LEFT JOIN current_families AS family USING (source, model_id)
WINDOW
    largest AS (
        PARTITION BY coalesce(seen.task, 'not stated')
        ORDER BY structure.n_parameters DESC, seen.source, seen.model_id
    ),
    favourite AS (
        PARTITION BY coalesce(seen.task, 'not stated')
        ORDER BY seen.downloads DESC NULLS LAST, seen.source, seen.model_id
    )
QUALIFY size_rank <= 10 OR download_rank <= 10
ORDER BY task, size_rank
