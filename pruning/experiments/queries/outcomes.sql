-- How each experiment ended last.
SELECT experiment_key, status, reason
FROM current_experiments
ORDER BY experiment_key
