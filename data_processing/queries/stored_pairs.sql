-- Pairs that are stored already for one method and version.
SELECT structure_a, structure_b
FROM similarities
WHERE method = $method AND version = $version
