-- One row a method: the newest version that finished an experiment.
SELECT method, max(method_version) AS method_version
FROM current_experiments
WHERE status = 'done'
GROUP BY method
ORDER BY method
