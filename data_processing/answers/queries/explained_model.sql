-- A model's structure in numbers; a structure of several sources is told with the first of them.
SELECT
    structure.provenance,
    extraction.architecture,
    structure.n_parameters,
    structure.n_modules,
    structure.n_layers,
    structure.hidden_size
FROM extracted_structures AS structure
LEFT JOIN current_extractions AS extraction
    ON extraction.structure_id = structure.structure_id AND extraction.model_id = $model
WHERE structure.structure_id = $structure
ORDER BY extraction.source, extraction.revision, extraction.run_id
LIMIT 1
