-- Listed models that need work, in the order of the listing. A model is done when its newest outcome is a structure with
-- all that is asked for now, or a refusal that neither a second try nor another version of the libraries changes.
WITH listed AS (
    SELECT *
    FROM sightings
    WHERE run_id IN (SELECT unnest($runs)) AND source IN (SELECT unnest($sources))
    QUALIFY row_number() OVER (PARTITION BY source, model_id, revision ORDER BY run_id DESC) = 1
),

outcomes AS (
    SELECT
        extraction.*,
        structure.provenance,
        json_extract_string(runs.versions_json, '$.transformers') AS transformers
    FROM current_extractions AS extraction
    JOIN runs USING (run_id)
    LEFT JOIN extracted_structures AS structure USING (structure_id)
),

done AS (
    SELECT outcome.source, outcome.model_id, outcome.revision
    FROM outcomes AS outcome
    LEFT JOIN listed USING (source, model_id, revision)
    WHERE
        NOT $fresh
        AND CASE
            WHEN outcome.status <> 'extracted' THEN
                NOT $retry_failed
                AND NOT list_contains($retried, outcome.reason)
                AND (NOT list_contains($of_library, outcome.reason) OR outcome.transformers = $transformers)
            WHEN $views = 'header' THEN outcome.provenance <> 'config' OR NOT coalesce(listed.has_weights, FALSE)
            WHEN outcome.provenance <> 'config' THEN TRUE
            WHEN $views = 'both' AND coalesce(listed.has_weights, FALSE) AND EXISTS (
                SELECT 1 FROM cross_checks AS compared
                WHERE (compared.source, compared.model_id, compared.revision)
                    = (outcome.source, outcome.model_id, outcome.revision)
            ) IS FALSE THEN FALSE
            WHEN $shapes THEN EXISTS (
                SELECT 1 FROM shape_traces AS trace
                WHERE trace.structure_id = outcome.structure_id AND trace.version = $tracer
            )
            ELSE TRUE
        END
)

SELECT
    listed.model_id, listed.source, listed.revision, listed.task, listed.library, listed.downloads, listed.likes,
    listed.license, listed.base_model, listed.base_model_relation, listed.gated, listed.tags, listed.has_weights,
    listed.location, listed.created_at, listed.last_modified, listed.files, listed.listed_parameters
FROM listed
ANTI JOIN done USING (source, model_id, revision)
ORDER BY listed.source, listed.downloads DESC NULLS LAST, listed.model_id, listed.revision;
