-- One row a family and trait whose members differ in it: same shape is not same function.
WITH members AS (
    SELECT DISTINCT family.family_id, outcome.structure_id
    FROM current_families AS family
    JOIN newest_models USING (source, model_id)
    JOIN current_extractions AS outcome USING (source, model_id, revision)
    WHERE outcome.structure_id IS NOT NULL
)
SELECT
    members.family_id,
    trait.name AS trait,
    count(DISTINCT members.structure_id) AS n_structures,
    count(DISTINCT trait.value) AS n_values,
    list_sort(list(DISTINCT trait.value)) AS trait_values
FROM members
JOIN traits AS trait USING (structure_id)
GROUP BY ALL
HAVING count(DISTINCT trait.value) > 1
ORDER BY n_structures DESC, members.family_id, trait
