-- Structures read from a tensor header, and the config's view of the same model; of several the smallest id.
SELECT header_structure, min(config_structure) AS config_structure
FROM view_mappings
WHERE evidence = 'same_model'
GROUP BY header_structure
ORDER BY header_structure
