-- Two million models on a hundred thousand structures, popular ones of very many models (for bench_families).
INSERT INTO sightings BY NAME
SELECT
    'r1' AS run_id,
    'owner' || (n % 5000) || '/model-' || n AS model_id,
    'hub' AS source,
    md5(n::VARCHAR) AS revision,
    n * 7919 % 1000 AS downloads,
    ['pytorch', 'en', 'license:mit'] AS tags
FROM range(2000000) AS numbers(n);

INSERT INTO extractions BY NAME
SELECT
    'r1' AS run_id, model_id, source, revision, 'extracted' AS status, 'config' AS reader, 0.1 AS seconds,
    0 AS bytes_downloaded, 1 AS requests, 's' || (power(random(), 3) * 99999)::BIGINT AS structure_id
FROM sightings;

INSERT INTO extracted_structures BY NAME
SELECT
    'r1' AS run_id, 's' || n AS structure_id, 'config' AS provenance, 100 AS n_modules, 1000 AS n_parameters,
    12 AS n_layers, 64 AS hidden_size, 6 AS max_depth
FROM range(100000) AS numbers(n);

INSERT INTO fingerprints BY NAME
SELECT
    'r1' AS run_id, 's' || n AS structure_id, 2 AS hash_version, md5('exact' || n // 2) AS exact_hash,
    md5('layout' || n // 10) AS layout_hash, md5('family' || n // 50) AS family_hash, md5('body' || n // 50) AS body_hash
FROM range(100000) AS numbers(n);
