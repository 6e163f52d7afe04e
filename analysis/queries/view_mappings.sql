-- One row an evidence that a tensor header's view and a config's view are of one structure: how much it maps.
SELECT
    evidence,
    count(*) AS n_pairs,
    count(DISTINCT header_structure) AS n_header_structures,
    count(DISTINCT config_structure) AS n_config_structures
FROM view_mappings
GROUP BY evidence
ORDER BY evidence
