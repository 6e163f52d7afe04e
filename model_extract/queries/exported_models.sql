-- The newest revision of every model that has a structure, with the base name where stage 2 has parsed it.
SELECT
    model.source,
    model.model_id,
    model.task,
    name.base_name_simple,
    extraction.structure_id
FROM newest_models AS model
JOIN current_extractions AS extraction USING (source, model_id, revision)
LEFT JOIN current_names AS name USING (source, model_id)
WHERE extraction.structure_id IS NOT NULL
ORDER BY model.source, model.model_id;
