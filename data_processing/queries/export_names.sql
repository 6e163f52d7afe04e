-- What the newest process run read in names and metadata.
SELECT
    source,
    model_id,
    base_name,
    evidence,
    base_name_simple,
    owner,
    version,
    size,
    variant,
    training,
    quantisation,
    context,
    step
FROM current_names
ORDER BY source, model_id
