-- The folded modules of structures whose classes are known (a tensor header names none), the root left out.
SELECT module.structure_id, module.path, module.parent, module.class_name, module.block, module.repeats
FROM extracted_modules AS module
JOIN extracted_structures AS structure USING (structure_id)
WHERE structure.structure_id IN (SELECT unnest($structures))
    AND structure.provenance = 'config'
    AND module.path <> ''
ORDER BY module.structure_id, module.position
