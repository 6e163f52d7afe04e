-- One row a disagreement of the newest process run, at most 40 of a kind, models with most downloads first.
SELECT
    finding.kind,
    finding.source,
    finding.model_id,
    finding.other_model_id,
    finding.said,
    finding.found,
    finding.similarity,
    count(*) OVER (PARTITION BY finding.kind) AS n_of_kind
FROM current_findings AS finding
LEFT JOIN newest_models AS seen USING (source, model_id)
QUALIFY row_number() OVER (
    PARTITION BY finding.kind
    ORDER BY seen.downloads DESC NULLS LAST, finding.source, finding.model_id, finding.other_model_id, finding.said
) <= 40
ORDER BY
    finding.kind, seen.downloads DESC NULLS LAST, finding.source, finding.model_id, finding.other_model_id, finding.said
