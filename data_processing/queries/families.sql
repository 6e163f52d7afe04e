-- The largest families of the newest process run, with their representatives.
SELECT
    family.family_id,
    family.strategy,
    count(*) AS members,
    arg_max(family.model_id, family.is_representative) AS representative,
    coalesce(bool_or(choice.has_weights), false) AS has_weights,
    min(family.similarity_to_representative) AS least_similarity
FROM current_families AS family
LEFT JOIN current_representatives AS choice
    ON choice.family_id = family.family_id AND choice.rank = 1
GROUP BY family.family_id, family.strategy
ORDER BY members DESC, family.family_id
LIMIT $top
