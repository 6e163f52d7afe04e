-- One row a block, the first path part that says block, layer, encoder or decoder: structures that have one.
SELECT block, count(DISTINCT structure_id) AS n_structures, sum(repeats)::BIGINT AS n_modules
FROM modules
GROUP BY block
ORDER BY n_structures DESC, n_modules DESC, block
