-- What stage process leaves behind after two runs: strategy both, one family for each name, some joined by structure.
CREATE TEMP TABLE processing AS
SELECT * FROM (VALUES
    ('20261002T060000.000000-bbbbb1', TIMESTAMP '2026-10-02 06:00:00', 0.85),
    ('20261102T060000.000000-bbbbb2', TIMESTAMP '2026-11-02 06:00:00', 1.0)
) AS runs(run_id, started_at, reach);
CREATE TEMP MACRO newest_processing() AS '20261102T060000.000000-bbbbb2';

INSERT INTO runs BY NAME
SELECT
    run_id, 'process' AS stage, started_at, started_at + INTERVAL 5 MINUTE AS finished_at, 'done' AS status,
    '{}' AS config_json, '{"python": "3.11.2", "torch": "2.13.0"}' AS versions_json, '0123456789ab' AS git_commit
FROM processing;

CREATE TEMP TABLE member AS
SELECT
    corpus.*, outcome.revision,
    row_number() OVER (PARTITION BY corpus.f ORDER BY corpus.m % 5 = 0, corpus.m) AS place
FROM corpus
JOIN newest_models AS seen USING (source, model_id)
JOIN extractions AS outcome USING (source, model_id, revision)
WHERE outcome.structure_id IS NOT NULL;

INSERT INTO names BY NAME
SELECT
    run_id, model_id, source, family_name(f + CASE WHEN m % 40 = 39 THEN 1 ELSE 0 END) AS base_name,
    lower(split_part(split_part(model_id, '/', 2), '-', 1)) AS base_name_simple, split_part(model_id, '/', 1) AS owner,
    width || 'm' AS size, ['instruct', 'gptq', 'it'][nullif(m % 4, 0)] AS variant, 'model_type' AS evidence
FROM corpus JOIN processing ON m < reach * getvariable('n_models');

INSERT INTO fingerprints BY NAME
SELECT
    '20261002T060000.000000-bbbbb1' AS run_id, structure_id, 2 AS hash_version, md5('exact' || s) AS exact_hash,
    md5(printf('layout %d %d', f, s % 3)) AS layout_hash, md5('family' || f // 2) AS family_hash,
    md5('body' || f // 2) AS body_hash
FROM plan;

INSERT INTO similarities BY NAME
SELECT
    '20261002T060000.000000-bbbbb1' AS run_id, least(a.structure_id, b.structure_id) AS structure_a,
    greatest(a.structure_id, b.structure_id) AS structure_b, 0.85 + 0.15 * draw(a.s || ' ' || b.s) AS similarity,
    50.0 AS shared, 55.0 AS total, 'weighted-jaccard' AS method, 2 AS version,
    ['layers.self_attn: sinks[1]'] AS only_a, ['layers.self_attn: block'] AS only_b
FROM plan AS a JOIN plan AS b ON b.f // 3 = a.f // 3 AND b.s > a.s;

INSERT INTO families BY NAME
SELECT
    run_id, 'both' AS strategy, 0.85 AS threshold, family_name(f) AS family_id, model_id, source,
    place = 1 AS is_representative, 1 - 0.3 * draw('distance ' || m) AS similarity_to_representative,
    'same plan as the representative' AS reason, ['exact', 'layout', 'plan', 'similar'][m % 4 + 1] AS level
FROM member JOIN processing ON m < reach * getvariable('n_models');

INSERT INTO findings BY NAME
SELECT
    newest_processing() AS run_id, ['name_structure', 'child_shape', 'other_traits'][m % 3 + 1] AS kind, source,
    model_id, 'owner1/' || family_name(f) AS other_model_id, 'family ' || family_name(f + 1) AS said,
    'family ' || family_name(f) AS found, draw('finding ' || m) AS similarity
FROM member WHERE m % 8 = 5;

INSERT INTO representatives BY NAME
SELECT
    run_id, family_name(f) AS family_id, model_id, source, revision, place AS rank, 'k-medoids' AS objective,
    m % 5 > 0 AS has_weights, 12 * width * width * n_layers AS n_parameters, 'covers most of the family' AS reason,
    0.3 / place AS mean_distance
FROM member JOIN processing ON place <= 3;

INSERT INTO coverage BY NAME
WITH chosen AS (
    SELECT *, row_number() OVER (ORDER BY n DESC, f) AS k
    FROM (SELECT f, count(*) AS n, arg_min(model_id, place) AS model_id FROM member GROUP BY f)
)
SELECT
    newest_processing() AS run_id, 'k-medoids' AS objective, k, family_name(f) AS family_id, 'hub' AS source, model_id,
    distance,
    power(k / (SELECT count(*) FROM chosen), 0.5 - distance / 2) AS share_models,
    power(k / (SELECT count(*) FROM chosen), 0.3 - distance / 2) AS share_downloads, 'covers most models' AS reason
FROM chosen, (VALUES (0.0), (0.15), (0.3), (0.5)) AS d(distance)
WHERE k <= 100;

INSERT INTO map_points BY NAME
SELECT
    newest_processing() AS run_id, structure_id, 50 * cos(f * 2.4) * sqrt(f / 1200) + 2 * draw('x ' || s) AS x,
    50 * sin(f * 2.4) * sqrt(f / 1200) + 2 * draw('y ' || s) AS y,
    't-SNE, perplexity 15, from principal coordinates' AS method, count(*)::INTEGER AS n_models
FROM member GROUP BY structure_id, f, s;
