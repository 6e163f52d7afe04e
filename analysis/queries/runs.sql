-- One row a run that found something which the report shows; one that only saw known models again is none.
SELECT run_id, stage, started_at, finished_at, status, versions_json, git_commit
FROM runs
WHERE run_id IN (
    SELECT first_seen_run FROM models
    UNION SELECT run_id FROM current_extractions
    UNION SELECT run_id FROM current_families
    UNION SELECT run_id FROM current_experiments
    UNION SELECT run_id FROM redundancy
    UNION SELECT run_id FROM current_analyses
    UNION SELECT run_id FROM current_proxies
)
ORDER BY run_id
