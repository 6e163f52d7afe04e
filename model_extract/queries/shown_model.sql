-- The newest extracted revision of a model by its id.
SELECT
    extraction.model_id,
    extraction.source,
    extraction.revision,
    extraction.status,
    extraction.reason,
    extraction.detail,
    extraction.structure_id,
    extraction.architecture
FROM current_extractions AS extraction
WHERE extraction.model_id = $model
ORDER BY extraction.status, extraction.run_id DESC, extraction.source
LIMIT 1;
