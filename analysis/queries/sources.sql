-- One row a source: how many model revisions were seen, and what became of them.
SELECT
    seen.source,
    count(*) AS n_models,
    count(*) FILTER (outcome.status = 'extracted') AS n_extracted,
    count(*) FILTER (outcome.status = 'skipped') AS n_skipped,
    count(*) FILTER (outcome.status = 'failed') AS n_failed,
    count(*) FILTER (outcome.status IS NULL) AS n_pending,
    count(DISTINCT outcome.structure_id) AS n_structures,
    count(*) FILTER (seen.has_weights) AS n_with_weights,
    sum(coalesce(outcome.bytes_downloaded, 0))::BIGINT AS bytes_downloaded,
    coalesce(sum(outcome.seconds ORDER BY outcome.seconds), 0) AS seconds,
    count(DISTINCT seen.revision) AS n_revisions,
    max(seen.revision) AS greatest_revision
FROM models AS seen
LEFT JOIN current_extractions AS outcome USING (source, model_id, revision)
GROUP BY seen.source
ORDER BY n_models DESC, seen.source
