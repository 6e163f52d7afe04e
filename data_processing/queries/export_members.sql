-- The members of the newest run's families; task and structure are those of the newest revision.
SELECT
    family.family_id,
    family.strategy,
    family.source,
    family.model_id,
    family.is_representative,
    first_value(family.model_id) OVER (
        PARTITION BY family.family_id ORDER BY family.is_representative DESC, family.source, family.model_id
    ) AS representative,
    family.similarity_to_representative,
    family.reason,
    family.level,
    name.base_name_simple,
    model.task,
    extraction.structure_id
FROM current_families AS family
LEFT JOIN current_names AS name USING (source, model_id)
LEFT JOIN newest_models AS model USING (source, model_id)
LEFT JOIN current_extractions AS extraction USING (source, model_id, revision)
ORDER BY family.family_id, family.is_representative DESC, family.source, family.model_id
