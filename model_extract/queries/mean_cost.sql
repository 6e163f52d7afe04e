-- What a model of the Hub cost on average in runs with the same views.
SELECT avg(extraction.requests) AS requests, avg(extraction.bytes_downloaded) AS n_bytes, count(*) AS models
FROM extractions AS extraction
JOIN runs USING (run_id)
WHERE
    extraction.source = 'hub'
    AND extraction.requests > 0
    AND json_extract_string(runs.config_json, '$.views') = $views;
