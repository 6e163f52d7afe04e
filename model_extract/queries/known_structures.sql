-- Configs that this transformers version has built before: models with an equal config are not built again.
SELECT
    extraction.source,
    extraction.config_hash,
    extraction.structure_id,
    extraction.model_type,
    extraction.architecture,
    extraction.detail
FROM current_extractions AS extraction
JOIN runs USING (run_id)
WHERE
    extraction.status = 'extracted'
    AND extraction.config_hash IS NOT NULL
    AND json_extract_string(runs.versions_json, '$.transformers') = $transformers
QUALIFY
    row_number() OVER (
        PARTITION BY extraction.source, extraction.config_hash
        ORDER BY extraction.run_id, extraction.model_id, extraction.revision
    ) = 1;
