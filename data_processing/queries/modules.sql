-- The folded modules of some structures.
SELECT structure_id, position, path, parent, kind, parameter_shapes, repeats
FROM modules
WHERE structure_id IN (SELECT unnest($structures))
ORDER BY structure_id, position
