-- One row a model: its newest revision, what became of it and the size of its structure.
SELECT
    model.source,
    model.model_id,
    model.revision,
    model.downloads,
    model.base_model,
    model.base_model_relation,
    coalesce(model.has_weights, false) AND coalesce(structure.provenance, 'config') = 'config' AS has_weights,
    extraction.reason,
    extraction.structure_id,
    extraction.model_type,
    structure.n_parameters,
    coalesce(structure.provenance, '') = 'adapter' OR coalesce(model.base_model_relation, '') = 'adapter' AS is_delta,
    model.license,
    model.gated,
    nullif(array_to_string(list_sort(list_distinct(list_filter(list_transform(
        list_filter(model.tags, lambda tag: starts_with(tag, 'base_model:')),
        lambda tag: trim(regexp_replace(tag, '^base_model:((finetune|adapter|merge|quantized):)?', ''))
    ), lambda parent: parent <> ''))), chr(10)), '') AS base_models,
    CASE WHEN structure.provenance = 'config' THEN extraction.architecture END AS architecture,
    stated.adapter_base,
    stated.gguf_architecture
FROM models AS model
LEFT JOIN current_extractions AS extraction USING (source, model_id, revision)
LEFT JOIN extracted_structures AS structure USING (structure_id)
LEFT JOIN (
    SELECT
        structure_id,
        max(value) FILTER (name = 'adapter_base') AS adapter_base,
        max(value) FILTER (name = 'general.architecture') AS gguf_architecture
    FROM traits
    WHERE name IN ('adapter_base', 'general.architecture')
    GROUP BY structure_id
) AS stated USING (structure_id)
QUALIFY row_number() OVER (
    PARTITION BY model.source, model.model_id
    ORDER BY model.last_seen_run DESC, model.revision DESC
) = 1
ORDER BY model.source, model.model_id
