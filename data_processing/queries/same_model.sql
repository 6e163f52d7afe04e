-- The config's view of each structure that was read from a tensor header: that of most models whose two views agree, of
-- equally many the smallest id. Views that disagree say nothing of each other.
SELECT header_structure, config_structure
FROM current_cross_checks
WHERE header_structure IS NOT NULL AND verdict IN ('agree', 'tied_weights', 'experts_stacked', 'prefix', 'quantised')
GROUP BY header_structure, config_structure
QUALIFY row_number() OVER (PARTITION BY header_structure ORDER BY count(*) DESC, config_structure) = 1
ORDER BY header_structure
