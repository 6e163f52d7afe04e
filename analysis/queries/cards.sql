-- One row a model with a dense measurement: what its source says of the measured revision.
SELECT DISTINCT
    measured.source,
    measured.model_id,
    measured.revision,
    seen.license,
    seen.task,
    seen.library
FROM current_experiments AS measured
JOIN leading_protocols USING (source, model_id, revision, evaluation, device)
LEFT JOIN models AS seen USING (source, model_id, revision)
WHERE measured.method = 'dense' AND measured.status = 'done'
ORDER BY measured.model_id, measured.source, measured.revision
