-- What findings compare of each structure beside its hashes and tokens; traits is empty where nothing is known.
WITH told AS (
    SELECT structure_id, map_from_entries(list(DISTINCT (name, value) ORDER BY (name, value))) AS traits
    FROM traits
    GROUP BY structure_id
)

SELECT
    structure.structure_id,
    structure.provenance,
    structure.n_parameters,
    structure.n_layers,
    structure.hidden_size,
    coalesce(told.traits, MAP {}) AS traits
FROM extracted_structures AS structure
LEFT JOIN told USING (structure_id)
ORDER BY structure.structure_id
