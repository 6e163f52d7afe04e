-- The modules of a structure with their shapes, in their order.
SELECT path, parent, class_name, block, parameter_shapes, repeats, input_shape, output_shape
FROM modules
WHERE structure_id = $structure
ORDER BY position;
