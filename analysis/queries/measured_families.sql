-- One row a model that was pruned or measured: its family.
SELECT source, model_id, min(family_id) AS family_id
FROM current_families
WHERE (source, model_id) IN (SELECT (source, model_id) FROM experiments)
GROUP BY source, model_id
ORDER BY model_id, source
