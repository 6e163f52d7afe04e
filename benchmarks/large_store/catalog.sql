-- What stage extract leaves behind after three listings of the Hub: variables n_models and n_structures are set before.
-- Structures have a stem, 4 to 10 stages of repeated blocks and a head, 62 to 146 folded modules; the 2-D plan is that
-- a family has five structures and that low numbers are popular.
CREATE TEMP MACRO draw(words) AS (md5_number_lower(words) % 1000003) / 1000003.0;
CREATE TEMP MACRO structure_name(s) AS md5('structure ' || s);
CREATE TEMP MACRO family_name(f) AS
    ['ba', 'co', 'da', 'fe', 'gi', 'ho', 'ju', 'ka', 'lo', 'ma'][f % 10 + 1]
    || ['lin', 'mer', 'nor', 'pix', 'qua', 'ron', 'sol', 'tar', 'vex', 'zan'][f // 10 % 10 + 1] || f // 100;

CREATE TEMP TABLE listing AS
SELECT * FROM (VALUES
    (1, '20260901T031700.000000-aaaaa1', TIMESTAMP '2026-09-01 03:17:00', 0.6),
    (2, '20261001T031700.000000-aaaaa2', TIMESTAMP '2026-10-01 03:17:00', 0.85),
    (3, '20261101T031700.000000-aaaaa3', TIMESTAMP '2026-11-01 03:17:00', 1.0)
) AS listings(number, run_id, started_at, reach);

CREATE TEMP TABLE plan AS
SELECT
    s, structure_name(s) AS structure_id, s % (getvariable('n_structures') // 5) AS f,
    4 + (7 * draw('stages ' || s))::INTEGER % 7 AS n_stages,
    2 + (40 * draw('layers ' || s))::INTEGER AS n_layers,
    (64 * (1 + (63 * draw('width ' || s))::INTEGER))::BIGINT AS width
FROM range(getvariable('n_structures')) AS numbers(s);

CREATE TEMP TABLE corpus AS
SELECT
    m, plan.*,
    'hub' AS source,
    printf('owner%d/%s-%dM%s-%d', m % 911, family_name(f), width, ['', '-instruct', '-GPTQ', '-it-4bit'][m % 4 + 1], m)
        AS model_id,
    (10000000 * power(draw('downloads ' || m), 8))::BIGINT AS downloads,
    -- a thirtieth of the models changed since the first listing
    CASE WHEN m % 30 = 7 THEN 2 ELSE 0 END AS moved_in,
    ['text-generation', 'fill-mask', 'image-classification', 'automatic-speech-recognition', 'text2text-generation',
     'object-detection', 'feature-extraction', 'text-to-audio', 'image-text-to-text', 'token-classification',
     'question-answering', 'depth-estimation', 'image-segmentation', 'translation', 'summarization',
     'video-classification', 'text-classification', 'sentence-similarity', 'audio-classification', 'text-to-image',
     'reinforcement-learning', 'image-to-text', 'mask-generation', 'time-series-forecasting', NULL][f % 25 + 1] AS task
FROM range(getvariable('n_models')) AS numbers(m)
JOIN plan ON plan.s = (getvariable('n_structures') * power(draw('structure ' || m), 2))::BIGINT;

INSERT INTO runs BY NAME
SELECT
    run_id, 'extract' AS stage, started_at, started_at + INTERVAL 2 HOUR AS finished_at, 'done' AS status,
    '{}' AS config_json, '{"python": "3.11.2", "torch": "2.13.0"}' AS versions_json, '0123456789ab' AS git_commit
FROM listing;

INSERT INTO sightings BY NAME
SELECT
    listing.run_id, model_id, source, md5(m || (number >= moved_in AND moved_in > 0)::VARCHAR) AS revision, task,
    'transformers' AS library, downloads // number AS downloads, downloads // 1000 AS likes, 'apache-2.0' AS license,
    CASE WHEN m % 4 > 0 THEN 'owner1/' || family_name(f) END AS base_model,
    ['finetune', 'quantized', 'merge'][nullif(m % 4, 0)] AS base_model_relation,
    false AS gated, ['pytorch', 'en', 'region:us'] AS tags, m % 5 > 0 AS has_weights,
    TIMESTAMP '2022-01-01 00:00:00' + to_days((1600 * draw('created ' || f))::INTEGER + m % 100) AS created_at,
    listing.started_at - INTERVAL 20 DAY AS last_modified,
    ['config.json', 'model.safetensors'] AS files, width * width * n_layers * 12 AS listed_parameters
FROM corpus JOIN listing ON m < reach * getvariable('n_models')
WHERE m % 97 <> 96 OR number < 3;  -- some are gone by the last listing

INSERT INTO listing_pages BY NAME
SELECT
    run_id, run_id AS listing_id, 'key' AS listing_key, 'hub' AS source, 'sort=downloads' AS query, page + 1 AS page,
    CASE WHEN page < 199 THEN 'cursor=' || page END AS cursor, 100 AS n_models, 3 AS skipped
FROM listing, range(200) AS pages(page);

INSERT INTO extractions BY NAME
WITH first_seen AS (
    SELECT source, model_id, revision, min(run_id) AS run_id FROM sightings GROUP BY ALL
)
SELECT
    run_id, model_id, source, revision,
    CASE WHEN m % 20 = 19 THEN 'failed' WHEN m % 23 = 22 THEN 'skipped' ELSE 'extracted' END AS status,
    CASE
        WHEN m % 20 = 19 THEN ['missing_dependency', 'unknown_type', 'bad_config', 'remote_code', 'gated'][m // 20 % 5 + 1]
        WHEN m % 23 = 22 THEN 'component'
    END AS reason,
    'meta-device' AS reader, CASE WHEN m % 20 = 19 THEN 'ValueError: | model ' || m END AS detail,
    0.1 + draw('seconds ' || m) AS seconds, 60000 AS bytes_downloaded, 2 AS requests,
    CASE WHEN m % 20 <> 19 AND m % 23 <> 22 THEN structure_id END AS structure_id,
    md5('config ' || m) AS config_hash, family_name(f) AS model_type, family_name(f) || 'ForCausalLM' AS architecture
FROM first_seen JOIN corpus USING (source, model_id);

INSERT INTO cross_checks BY NAME
SELECT
    run_id, model_id, source, revision, ['agree', 'tied_weights', 'prefix', 'other'][m % 4 + 1] AS verdict,
    structure_id AS config_structure, md5(structure_id) AS header_structure, 100 AS shared, m % 4 AS only_config,
    m % 3 AS only_header
FROM extractions JOIN corpus USING (source, model_id, structure_id)
WHERE m % 3 = 0;

INSERT INTO extracted_structures BY NAME
SELECT
    '20260901T031700.000000-aaaaa1' AS run_id, structure_id, 'config' AS provenance,
    6 + n_stages * 13 * n_layers AS n_modules, 32000 * width + 12 * width * width * n_layers * n_stages AS n_parameters,
    CASE WHEN s % 17 = 0 THEN 0 ELSE n_layers END AS n_layers, width AS hidden_size, 6 AS max_depth
FROM plan;

CREATE TEMP TABLE part AS
SELECT * FROM (VALUES
    (0, '', 'module', 0), (1, '.norm1', 'LayerNorm', 1), (2, '.attention', 'module', 0),
    (3, '.attention.query', 'Linear', 1), (4, '.attention.key', 'Linear', 1), (5, '.attention.value', 'Linear', 1),
    (6, '.attention.output', 'Linear', 1), (7, '.attention.dropout', 'Dropout', 0), (8, '.norm2', 'LayerNorm', 1),
    (9, '.mlp', 'module', 0), (10, '.mlp.up', 'Linear', 4), (11, '.mlp.act', 'GELU', 0), (12, '.mlp.down', 'Linear', 4)
) AS parts(number, suffix, kind, size);

INSERT INTO extracted_modules BY NAME
WITH blocks AS (
    SELECT *, printf('stage%d.layers', stage) AS above, printf('stage%d.layers.0-%d', stage, n_layers - 1) AS block
    FROM plan, range(n_stages) AS stages(stage)
)
SELECT
    structure_id, (10 + 15 * stage + number)::INTEGER AS position, block || suffix AS path,
    CASE
        WHEN suffix = '' THEN above
        ELSE block || regexp_replace(suffix, '\.[a-z0-9]+$', '')
    END AS parent,
    3 + len(string_split(suffix, '.')) - 1 AS depth, 'layers.0-' || n_layers - 1 AS block,
    CASE
        WHEN kind <> 'module' THEN CASE WHEN kind = 'LayerNorm' AND f % 3 = 0 THEN 'RMSNorm' ELSE kind END
        ELSE family_name(f) || ['Block', 'Attention', 'MLP'][number % 3 + 1]
    END AS class_name,
    CASE
        WHEN kind = 'Linear' AND f % 5 = 0 THEN 'Conv2d'
        WHEN kind = 'GELU' THEN ['GELU', 'SiLU', 'ReLU'][f % 3 + 1]
        ELSE kind
    END AS kind,
    size * width * width AS n_parameters, format('{{"weight": [{}, {}]}}', width, width) AS parameter_shapes,
    CASE WHEN suffix = '' THEN n_layers ELSE 1 END AS repeats
FROM blocks, part
UNION ALL BY NAME
SELECT
    structure_id, (8 + 15 * stage + container)::INTEGER AS position,
    printf('stage%d', stage) || ['', '.layers'][container + 1] AS path,
    CASE WHEN container = 1 THEN printf('stage%d', stage) END AS parent, container + 1 AS depth,
    printf('stage%d', stage) AS block, 'ModuleList' AS class_name, 'container' AS kind, 0 AS n_parameters,
    '{}' AS parameter_shapes, 1 AS repeats
FROM plan, range(n_stages) AS stages(stage), range(2) AS containers(container)
UNION ALL BY NAME
SELECT
    structure_id, [0, 500][ending + 1] AS position, ['embed', 'head'][ending + 1] AS path, NULL AS parent, 1 AS depth,
    'base' AS block, ['Embedding', 'Linear'][ending + 1] AS class_name, ['Embedding', 'Linear'][ending + 1] AS kind,
    32000 * width AS n_parameters, format('{{"weight": [32000, {}]}}', width) AS parameter_shapes, 1 AS repeats
FROM plan, range(2) AS endings(ending);

INSERT INTO shape_traces BY NAME
SELECT
    '20260901T031700.000000-aaaaa1' AS run_id, structure_id, 1 AS version,
    CASE WHEN s % 9 = 0 THEN 'failed' ELSE 'traced' END AS status, '{"input_ids": [1, 8]}' AS inputs
FROM plan;

INSERT INTO module_shapes BY NAME
SELECT
    '20260901T031700.000000-aaaaa1' AS run_id, structure_id, path, '[1, 8, 64]' AS input_shape,
    '[1, 8, 64]' AS output_shape
FROM extracted_modules JOIN shape_traces USING (structure_id)
WHERE status = 'traced';

INSERT INTO traits BY NAME
SELECT
    structure_id, trait AS name,
    values[(len(values) * draw(trait || CASE WHEN s % 6 = 0 THEN s ELSE f END))::INTEGER % len(values) + 1] AS value
FROM plan, (VALUES
    ('activation', ['gelu', 'silu', 'relu', 'gelu_new', 'swiglu']), ('position', ['rotary', 'alibi', 'absolute']),
    ('causal', ['true', 'false']), ('norm', ['layer', 'rms', 'batch']), ('modality', ['text', 'image', 'audio']),
    ('attention_heads', ['8', '12', '16', '32', '64']), ('tied_embeddings', ['true', 'false']),
    ('kv_group_ratio', ['1', '2', '4', '8'])
) AS traits(trait, values);
