-- One row a block, the first path part that says block, layer, encoder or decoder, its number written N: structures
-- that have one, and its modules.
SELECT
    regexp_replace(block, '\.[0-9]+(-[0-9]+)?$', '.N') AS block,
    count(DISTINCT structure_id) AS n_structures, sum(repeats)::BIGINT AS n_modules
FROM extracted_modules
GROUP BY ALL
ORDER BY n_structures DESC, n_modules DESC, block
