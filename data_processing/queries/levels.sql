-- The architectures at one exact level (exact, layout or plan) with the most models, counted over the models' newest revisions.
WITH keyed AS (
    SELECT
        CASE $level WHEN 'exact' THEN exact_hash WHEN 'layout' THEN layout_hash WHEN 'plan' THEN family_hash END AS hash,
        model_id,
        source,
        structure_id,
        downloads
    FROM model_levels
    WHERE structure_id IS NOT NULL AND NOT is_part
)
SELECT
    hash,
    count(*) AS models,
    count(DISTINCT structure_id) AS structures,
    sum(downloads)::BIGINT AS downloads,
    arg_min(model_id, (-coalesce(downloads, 0), model_id, source)) AS best_known
FROM keyed
WHERE hash IS NOT NULL
GROUP BY hash
ORDER BY models DESC, hash
LIMIT $top
