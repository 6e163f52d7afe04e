-- One row a model that was pruned or analysed: what it is, at the revision that was measured last; members of no family
-- have none.
WITH measured AS (
    SELECT source, model_id, revision, run_id FROM experiments
    UNION ALL
    SELECT source, model_id, revision, run_id FROM analyses
),
subjects AS (
    SELECT source, model_id, arg_max(revision, (run_id, revision)) AS revision
    FROM measured
    GROUP BY source, model_id
),
seen AS (
    SELECT sightings.*
    FROM sightings
    JOIN subjects USING (source, model_id)
    QUALIFY row_number() OVER (
        PARTITION BY source, model_id ORDER BY sightings.revision = subjects.revision DESC, run_id DESC,
        sightings.revision
    ) = 1
),
read AS (
    SELECT extractions.source, extractions.model_id, structure_id
    FROM extractions
    JOIN subjects USING (source, model_id)
    WHERE structure_id IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY source, model_id ORDER BY extractions.revision = subjects.revision DESC, run_id DESC, structure_id
    ) = 1
),
families AS (
    SELECT source, model_id, min(family_id) AS family_id FROM current_families GROUP BY source, model_id
),
functions AS (
    SELECT structure_id, list(name || ': ' || value ORDER BY name, value) AS traits
    FROM (SELECT DISTINCT structure_id, name, value FROM traits SEMI JOIN read USING (structure_id))
    GROUP BY structure_id
)
SELECT
    subjects.source,
    subjects.model_id,
    subjects.revision,
    families.family_id,
    seen.task,
    seen.license,
    seen.base_model,
    seen.downloads,
    structure.n_parameters,
    structure.n_layers,
    structure.hidden_size,
    coalesce(functions.traits, []) AS traits
FROM subjects
LEFT JOIN seen USING (source, model_id)
LEFT JOIN families USING (source, model_id)
LEFT JOIN read USING (source, model_id)
LEFT JOIN extracted_structures AS structure USING (structure_id)
LEFT JOIN functions USING (structure_id)
ORDER BY subjects.source, subjects.model_id
