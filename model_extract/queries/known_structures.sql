-- Configs that this transformers version has built before: models with an equal config are not built again.
-- With $shapes, only those whose shapes were looked for.
SELECT
    extraction.reader,
    extraction.source,
    extraction.config_hash,
    extraction.structure_id,
    extraction.model_type,
    extraction.architecture,
    extraction.detail
FROM current_extractions AS extraction
JOIN runs USING (run_id)
JOIN extracted_structures AS structure USING (structure_id)
WHERE
    extraction.status = 'extracted'
    AND structure.provenance = 'config'
    AND extraction.config_hash IS NOT NULL
    AND json_extract_string(runs.versions_json, '$.transformers') = $transformers
    AND (NOT $shapes OR extraction.structure_id IN (SELECT structure_id FROM shape_traces WHERE version = $tracer))
QUALIFY
    row_number() OVER (
        PARTITION BY extraction.reader, extraction.source, extraction.config_hash
        ORDER BY extraction.run_id, extraction.model_id, extraction.revision
    ) = 1;
