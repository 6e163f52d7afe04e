-- Representatives with weights, and where they lie on this machine.
-- The reference models are the protocol's controls: they are pruned even when a family prefers another member.
SELECT DISTINCT
    chosen.model_id,
    chosen.source,
    chosen.revision,
    seen.location,
    chosen.n_parameters
FROM current_representatives AS chosen
LEFT JOIN models AS seen USING (source, model_id, revision)
WHERE chosen.has_weights AND (chosen.rank = 1 OR chosen.source = 'reference')
    -- A family without a permitted member has representatives all the same, for people to see.
    AND (len($licenses::VARCHAR[]) = 0 OR lower(seen.license) IN (SELECT lower(unnest($licenses::VARCHAR[]))))
ORDER BY chosen.source, chosen.model_id, chosen.revision
