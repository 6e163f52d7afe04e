-- The folded modules of one structure.
SELECT structure_id, position, path, parent, class_name, kind, parameter_shapes, repeats
FROM modules
WHERE structure_id = $structure
ORDER BY position
