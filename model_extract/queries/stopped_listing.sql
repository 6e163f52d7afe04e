-- Where the newest listing with these settings stands, query by query, when the newest run of it did not come to its end.
WITH newest AS (
    SELECT page.listing_id
    FROM listing_pages AS page
    JOIN runs USING (run_id)
    WHERE page.listing_key = $listing_key
    QUALIFY
        row_number() OVER (ORDER BY page.run_id DESC) = 1
        AND runs.status IN ('interrupted', 'failed') AND runs.started_at >= $since
)

SELECT
    page.listing_id,
    page.query,
    page.cursor,
    page.page,
    sum(page.n_models) OVER (PARTITION BY page.query)::BIGINT AS taken
FROM listing_pages AS page
JOIN newest USING (listing_id)
QUALIFY row_number() OVER (PARTITION BY page.query ORDER BY page.page DESC, page.run_id DESC) = 1
ORDER BY page.query;
