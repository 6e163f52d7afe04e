-- One row a family of the newest process run, largest first, with the range of its members and its representative.
WITH members AS (
    SELECT
        family.*,
        outcome.structure_id,
        structure.n_layers,
        structure.n_parameters,
        seen.downloads
    FROM current_families AS family
    LEFT JOIN (
        SELECT source, model_id, max(downloads) AS downloads, arg_max(revision, last_seen_run || ' ' || revision) AS revision
        FROM models
        GROUP BY ALL
    ) AS seen USING (source, model_id)
    LEFT JOIN current_extractions AS outcome USING (source, model_id, revision)
    LEFT JOIN structures AS structure USING (structure_id)
)
SELECT
    members.family_id,
    any_value(members.strategy) AS strategy,
    any_value(members.threshold) AS threshold,
    count(*) AS n_models,
    count(DISTINCT members.structure_id) AS n_structures,
    min(members.n_layers) AS fewest_layers,
    max(members.n_layers) AS most_layers,
    min(members.n_parameters) AS fewest_parameters,
    max(members.n_parameters) AS most_parameters,
    least(sum(members.downloads), 9223372036854775807)::BIGINT AS downloads,
    min(chosen.model_id) AS representative,
    min(chosen.source) AS representative_source,
    coalesce(bool_or(chosen.has_weights), false) AS has_weights,
    list_sort(list(members.model_id))[:6] AS examples
FROM members
LEFT JOIN current_representatives AS chosen ON chosen.family_id = members.family_id AND chosen.rank = 1
GROUP BY members.family_id
ORDER BY n_models DESC, downloads DESC NULLS LAST, members.family_id
