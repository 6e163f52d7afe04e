-- One row a kind of change: how many there were in the newest run that brought one, against the run before it
-- (run_id NULL = there is none before it), and the first few by name. Runs that found what was known are passed over; runs
-- that went on with one listing count as one. Gone: not in a listing with the same settings that came to its end.
WITH seen AS (
    SELECT DISTINCT
        sighting.source,
        sighting.model_id,
        coalesce(page.listing_key, '') AS listing_key,
        coalesce(page.listing_id, sighting.run_id) AS listing_id
    FROM sightings AS sighting
    LEFT JOIN (
        SELECT run_id, source, min(listing_id) AS listing_id, min(listing_key) AS listing_key
        FROM listing_pages
        GROUP BY run_id, source
    ) AS page USING (run_id, source)
),
cut_short AS (
    SELECT DISTINCT listing_id
    FROM (
        SELECT listing_id, arg_max_null(cursor, page) AS cursor
        FROM listing_pages
        WHERE query <> ''
        GROUP BY listing_id, query
    )
    WHERE cursor IS NOT NULL
),
first_seen AS (SELECT source, model_id, min(listing_id) AS listing_id FROM seen GROUP BY source, model_id),
listings AS (
    SELECT source, listing_key, listing_id, bit_xor(hash(model_id)) AS content
    FROM seen
    WHERE listing_id NOT IN (SELECT listing_id FROM cut_short)
    GROUP BY source, listing_key, listing_id
),
listing_steps AS (
    SELECT *, lag(listing_id) OVER earlier AS before_run, lag(content) OVER earlier AS before_content
    FROM listings
    WINDOW earlier AS (PARTITION BY source, listing_key ORDER BY listing_id)
),
listing_news AS (
    SELECT max(listing_id) AS run_id
    FROM (
        SELECT listing_id FROM first_seen
        UNION ALL
        SELECT listing_id FROM listing_steps WHERE before_run IS NOT NULL AND content <> before_content
    )
    WHERE listing_id > (SELECT min(listing_id) FROM seen)
),
gone AS (
    SELECT earlier.source, earlier.model_id
    FROM listing_steps AS step
    JOIN listing_news ON listing_news.run_id = step.listing_id
    JOIN seen AS earlier
        ON earlier.source = step.source
        AND earlier.listing_key = step.listing_key
        AND earlier.listing_id = step.before_run
    ANTI JOIN seen AS later
        ON later.source = earlier.source
        AND later.model_id = earlier.model_id
        AND later.listing_id = step.listing_id
),
family_steps AS (
    SELECT run_id, content, lag(run_id) OVER (ORDER BY run_id) AS before_run,
        lag(content) OVER (ORDER BY run_id) AS before_content
    FROM (SELECT run_id, bit_xor(hash(source, model_id, family_id)) AS content FROM families GROUP BY run_id)
),
family_news AS (
    SELECT max(run_id) AS run_id, max_by(before_run, run_id) AS before_run
    FROM family_steps
    WHERE before_run IS NOT NULL AND content <> before_content
),
before AS (SELECT families.* FROM families JOIN family_news ON families.run_id = family_news.before_run),
after AS (SELECT families.* FROM families JOIN family_news USING (run_id)),
-- A family that was given another name is the one that most of its members are in now.
shared AS (
    SELECT before.family_id AS was, after.family_id AS became, count(*) AS n
    FROM before
    JOIN after USING (source, model_id)
    GROUP BY was, became
),
heirs AS (SELECT was, became FROM shared QUALIFY row_number() OVER (PARTITION BY was ORDER BY n DESC, became) = 1),
parents AS (SELECT was, became FROM shared QUALIFY row_number() OVER (PARTITION BY became ORDER BY n DESC, was) = 1),
same AS (SELECT was, became FROM heirs JOIN parents USING (was, became)),
structure_news AS (
    SELECT max(run_id) AS run_id, min(run_id) AS first_run
    FROM extracted_structures
),
experiment_news AS (SELECT max(run_id) AS run_id, min(run_id) AS first_run FROM experiments),
results AS (
    SELECT experiment.experiment_key, experiment.run_id, experiment.source, experiment.method, experiment.status,
        metric.value AS perplexity
    FROM experiments AS experiment
    LEFT JOIN metrics AS metric
        ON metric.experiment_key = experiment.experiment_key
        AND metric.run_id = experiment.run_id
        AND metric.metric = 'perplexity'
    QUALIFY count(*) FILTER (experiment.run_id = (SELECT run_id FROM experiment_news))
        OVER (PARTITION BY experiment.experiment_key) > 0
),
newest_results AS (
    SELECT *, lag(run_id) OVER earlier AS before_run, lag(status) OVER earlier AS before_status,
        lag(perplexity) OVER earlier AS before_perplexity
    FROM results
    WINDOW earlier AS (PARTITION BY experiment_key ORDER BY run_id)
    QUALIFY row_number() OVER (PARTITION BY experiment_key ORDER BY run_id DESC) = 1
),
found AS (
    SELECT 1 AS position, source, model_id AS subject, 1 AS n
    FROM first_seen
    JOIN listing_news ON listing_news.run_id = first_seen.listing_id
    UNION ALL
    SELECT 2, source, model_id, 1 FROM gone
    UNION ALL
    SELECT 3, outcome.source, min(outcome.model_id), 1
    FROM extracted_structures AS structure
    JOIN structure_news ON structure_news.run_id = structure.run_id AND structure_news.run_id > structure_news.first_run
    JOIN extractions AS outcome USING (structure_id)
    GROUP BY structure.structure_id, outcome.source
    QUALIFY row_number() OVER (PARTITION BY structure.structure_id ORDER BY outcome.source) = 1
    UNION ALL
    SELECT 4, '', family_id, 1
    FROM (SELECT DISTINCT family_id FROM after)
    WHERE family_id NOT IN (SELECT became FROM same)
    UNION ALL
    SELECT 5, '', family_id, 1
    FROM (SELECT DISTINCT family_id FROM before)
    WHERE family_id NOT IN (SELECT was FROM same)
    UNION ALL
    SELECT 6, after.source, after.model_id, 1
    FROM before
    JOIN after USING (source, model_id)
    ANTI JOIN same ON same.was = before.family_id AND same.became = after.family_id
    UNION ALL
    SELECT 7, '', method, count(*)
    FROM newest_results
    WHERE before_run IS NULL AND (SELECT run_id > first_run FROM experiment_news)
    GROUP BY method
    UNION ALL
    SELECT 8, '', method, count(*)
    FROM newest_results
    WHERE before_run IS NOT NULL AND (status <> before_status OR perplexity IS DISTINCT FROM before_perplexity)
    GROUP BY method
),
kinds AS (
    SELECT 1 AS position, 'new models' AS kind, run_id FROM listing_news
    UNION ALL SELECT 2, 'models gone', run_id FROM listing_news
    UNION ALL SELECT 3, 'new structures', CASE WHEN run_id > first_run THEN run_id END FROM structure_news
    UNION ALL SELECT 4, 'new families', run_id FROM family_news
    UNION ALL SELECT 5, 'families gone', run_id FROM family_news
    UNION ALL SELECT 6, 'models moved to another family', run_id FROM family_news
    UNION ALL SELECT 7, 'new experiments', CASE WHEN run_id > first_run THEN run_id END FROM experiment_news
    UNION ALL SELECT 8, 'experiments with another result', CASE WHEN run_id > first_run THEN run_id END
    FROM experiment_news
),
counted AS (
    SELECT
        kinds.position,
        kinds.kind,
        any_value(kinds.run_id) AS run_id,
        coalesce(sum(found.n), 0)::BIGINT AS n_changes,
        list_sort(
            list({'subject': found.subject, 'source': found.source}) FILTER (found.subject IS NOT NULL)
        )[:5] AS firsts
    FROM kinds
    LEFT JOIN found USING (position)
    GROUP BY kinds.position, kinds.kind
)
SELECT
    kind,
    run_id,
    n_changes,
    coalesce(list_transform(firsts, lambda one: one.subject), []) AS subjects,
    coalesce(list_transform(firsts, lambda one: one.source), []) AS sources
FROM counted
ORDER BY position
