-- One row a store with sanity checks: how many passed and how many were made (those that do not apply left out).
SELECT count(*) FILTER (outcome = 'ok') AS n_passed, count(*) AS n_made
FROM current_checks
WHERE outcome IN ('ok', 'failed')
HAVING count(*) > 0
ORDER BY n_made
