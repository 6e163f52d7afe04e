-- One row a component of these analyses that has been measured.
SELECT DISTINCT analysis_key, component
FROM redundancy
WHERE list_contains($keys::VARCHAR[], analysis_key)
ORDER BY analysis_key, component
