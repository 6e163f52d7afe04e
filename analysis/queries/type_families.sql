-- One row a model type: the family that most of its models are in, the first by name of equals.
SELECT model_type, family_id
FROM (
    SELECT extraction.model_type, family.family_id, count(*) AS n_models
    FROM current_families AS family
    JOIN newest_models AS newest USING (source, model_id)
    JOIN current_extractions AS extraction USING (source, model_id, revision)
    WHERE extraction.model_type IS NOT NULL
    GROUP BY ALL
)
QUALIFY row_number() OVER (PARTITION BY model_type ORDER BY n_models DESC, family_id) = 1
ORDER BY model_type
