-- What stage prune leaves behind: variable n_pruned models with 20 experiments and eight analyses each.
CREATE TEMP MACRO prune_run() AS '20261103T060000.000000-ccccc1';

INSERT INTO runs BY NAME
SELECT
    prune_run() AS run_id, 'prune' AS stage, TIMESTAMP '2026-11-03 06:00:00' AS started_at,
    TIMESTAMP '2026-11-03 16:00:00' AS finished_at, 'done' AS status, '{}' AS config_json,
    '{"python": "3.11.2", "torch": "2.13.0"}' AS versions_json, '0123456789ab' AS git_commit;

CREATE TEMP TABLE pruned AS
SELECT *, p * 7 % 11 + 6 AS layers, 4 + 4 * (p % 2) AS heads, 16 + 16 * (p % 6) AS windows, 5 + 3 * draw('dense ' || p) AS dense
FROM (SELECT *, row_number() OVER (ORDER BY m) - 1 AS p FROM member WHERE place = 1 AND m % 5 > 0)
WHERE p < getvariable('n_pruned');

CREATE TEMP TABLE method AS
SELECT *, row_number() OVER () - 1 AS number FROM (VALUES
    ('random', 'weight', 6.0), ('magnitude', 'weight', 1.5), ('wanda', 'weight', 1.0), ('sparsegpt', 'weight', 0.9),
    ('mlp-random', 'neuron', 2.5), ('mlp-maxmin', 'neuron', 1.8), ('mlp-flap', 'neuron', 1.2),
    ('mlp-wanda', 'neuron', 1.3), ('heads-random-remove', 'head', 2.2), ('heads-magnitude-remove', 'head', 1.6),
    ('heads-importance-remove', 'head', 1.1), ('depth-random', 'layer', 4.5), ('depth-last', 'layer', 4.0),
    ('depth-angular', 'layer', 3.0), ('depth-angular-healed', 'layer', 2.0), ('low-rank-random', 'factorisation', 6.0),
    ('svd', 'factorisation', 3.0), ('svd-activation', 'factorisation', 1.4)
) AS methods(method, scope, steepness);

INSERT INTO methods BY NAME
SELECT
    prune_run() AS run_id, method, 1 AS version, scope, 'paper of ' || method AS origin,
    scope = 'head' OR method IN ('wanda', 'sparsegpt') AS calibrated, method LIKE '%random%' AS random
FROM method;

-- The two of all models, four others in turn: three ratios each, a second seed of the random one, and the dense model.
CREATE TEMP TABLE trial AS
SELECT *, md5(concat_ws(' ', model_id, method, ratio, seed)) AS experiment_key,
    exp(steepness * ratio * (0.7 + 0.6 * draw(concat_ws(' ', method, p, seed)))) AS damage
FROM (
    SELECT pruned.*, method, scope, steepness, ratio, 0 AS seed
    FROM pruned JOIN method ON number < 2 OR (number - 2 - p * 4) % 16 IN (0, 1, 2, 3, -16, -15, -14, -13)
    CROSS JOIN (VALUES (0.1), (0.25), (0.5)) AS ratios(ratio)
    UNION ALL
    SELECT pruned.*, 'random', 'weight', 6.0, 0.5, 1 FROM pruned
    UNION ALL
    SELECT pruned.*, 'dense', 'none', 0.0, 0.0, 0 FROM pruned
);

INSERT INTO experiments BY NAME
SELECT
    prune_run() AS run_id, experiment_key, model_id, source, revision, method, 1 AS method_version, scope, ratio, seed,
    'evaluation' AS evaluation, 'cpu' AS device,
    CASE WHEN ratio = 0.1 AND p % 25 = 3 THEN 'refused' ELSE 'done' END AS status,
    CASE WHEN ratio = 0.1 AND p % 25 = 3 THEN 'ratio_too_small' END AS reason, 3.0 AS seconds,
    '0123456789ab' AS git_commit, nullif(ratio, 0) AS removed_share,
    CASE scope WHEN 'none' THEN NULL WHEN 'layer' THEN 'gone' WHEN 'factorisation' THEN 'low_rank' ELSE 'zeros' END
        AS removed_as
FROM trial;

CREATE TEMP TABLE finished AS SELECT trial.* FROM trial JOIN experiments USING (experiment_key) WHERE status = 'done';

INSERT INTO metrics BY NAME
WITH sized AS (
    SELECT *, CASE WHEN scope IN ('layer', 'neuron', 'factorisation') THEN 1 - 0.8 * ratio ELSE 1 END AS left_over,
        1 - 0.6 * ratio * draw('speed ' || experiment_key) AS speed, dense * damage AS perplexity
    FROM finished
)
SELECT
    prune_run() AS run_id, experiment_key, number.name AS metric, number.value, number.unit, number.n,
    number.ci_low, number.ci_high
FROM sized, unnest([
    {'name': 'perplexity', 'value': perplexity, 'unit': '1', 'n': windows, 'ci_low': 0.97 * perplexity, 'ci_high': 1.03 * perplexity},
    {'name': 'kl', 'value': ln(damage), 'unit': 'nats per token', 'n': windows, 'ci_low': 0.9 * ln(damage), 'ci_high': 1.1 * ln(damage)},
    {'name': 'loss_increase', 'value': ln(damage), 'unit': 'nats per token', 'n': windows, 'ci_low': 0.9 * ln(damage), 'ci_high': 1.1 * ln(damage)},
    {'name': 'excess_loss', 'value': ln(perplexity / 3.97), 'unit': 'nats per token', 'n': windows, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'top1_agreement', 'value': 1 / damage, 'unit': '1', 'n': windows, 'ci_low': 0.9 / damage, 'ci_high': 1 / damage},
    {'name': 'perplexity_floor', 'value': 3.97, 'unit': '1', 'n': windows, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'parameters', 'value': 1e6 * width * left_over, 'unit': 'parameters', 'n': 1, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'nonzeros', 'value': 1e6 * width * (1 - ratio), 'unit': 'weights', 'n': 1, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'removed_fraction', 'value': ratio, 'unit': '1', 'n': 1, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'bytes', 'value': 2e6 * width * left_over, 'unit': 'bytes', 'n': 1, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'flops', 'value': 1e9 * width * left_over, 'unit': 'operations', 'n': 1, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'peak_memory', 'value': 3e6 * width * left_over, 'unit': 'bytes', 'n': 1, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'latency', 'value': 0.01 * speed, 'unit': 'seconds', 'n': 9, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'latency_ratio', 'value': speed, 'unit': '1', 'n': 9, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'decode_latency', 'value': 0.001 * speed, 'unit': 'seconds per token', 'n': 9, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'decode_latency_ratio', 'value': speed, 'unit': '1', 'n': 9, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'tokens_per_second', 'value': 1000 / speed, 'unit': 'tokens per second', 'n': 9, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'energy', 'value': 5 * speed, 'unit': 'joules', 'n': 1, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'window', 'value': 128, 'unit': 'tokens', 'n': 1, 'ci_low': NULL, 'ci_high': NULL},
    {'name': 'stride', 'value': 128, 'unit': 'tokens', 'n': 1, 'ci_low': NULL, 'ci_high': NULL}
]) AS numbers(number)
WHERE method <> 'dense' OR number.name NOT IN ('kl', 'loss_increase', 'top1_agreement', 'latency_ratio', 'decode_latency_ratio');

INSERT INTO metrics BY NAME  -- of the text that an experiment generates
SELECT
    prune_run() AS run_id, experiment_key, how || '_' || what AS metric, draw(how || what || experiment_key) AS value,
    '1' AS unit, 4 AS n
FROM finished, (VALUES ('greedy'), ('sampled')) AS hows(how),
    (VALUES ('distinct_1'), ('distinct_2'), ('repetition'), ('perplexity')) AS whats(what);

INSERT INTO window_losses BY NAME
SELECT
    prune_run() AS run_id, experiment_key, number AS window_position,
    128 * (ln(dense * damage) + 0.3 * draw(p || ' ' || number) + 0.05 * draw(experiment_key || number)) AS nats,
    128 AS tokens
FROM finished, range(96) AS numbers(number) WHERE number < windows;

INSERT INTO checks BY NAME
SELECT
    prune_run() AS run_id, experiment_key, source, model_id, check_name, 'ok' AS outcome,
    check_name || ' of ' || method || ': as expected' AS detail
FROM finished, (VALUES ('counts'), ('sparsity'), ('text_apart'), ('text_overlap')) AS checks(check_name);

INSERT INTO samples BY NAME
SELECT
    prune_run() AS run_id, experiment_key, prompt, printf('sees the %s | dog %d and goes on', method, p) AS text
FROM finished, (VALUES ('the cat'), ('every dog')) AS prompts(prompt);

-- One row a measurement of a dense model; `about` says which components an analysis has.
CREATE TEMP TABLE measurement AS
WITH layer AS (SELECT p, layers, heads, layer::INTEGER AS layer FROM pruned, range(layers) AS numbers(layer)),
head AS (SELECT layer.*, head::INTEGER AS head FROM layer, range(heads) AS numbers(head)),
damaged AS (SELECT * FROM (VALUES ('kl', 'nats per token'), ('loss_increase', 'nats per token'), ('perplexity', '1'), ('top1_agreement', '1')) AS kinds(measure, unit))
SELECT p, 'ablation' AS analysis, printf('layer %d %s', layer, target) AS component, measure, unit, NULL::VARCHAR AS variant, target, layer, NULL::INTEGER AS other_layer, NULL::INTEGER AS head, NULL::INTEGER AS other_head, 16 AS n
FROM layer, (VALUES ('layer'), ('attention'), ('mlp')) AS targets(target), damaged
UNION ALL SELECT p, 'ablation', printf('layer %d head %d', layer, head), measure, unit, NULL, 'head', layer, NULL, head, NULL, 16 FROM head, damaged
UNION ALL SELECT p, 'replacement', printf('%s of layer %d by %d', target, layer.layer, other.layer), measure, unit, NULL, target, layer.layer, other.layer, NULL, NULL, 16
FROM layer JOIN layer AS other USING (p), (VALUES ('attention'), ('mlp')) AS targets(target), damaged WHERE other.layer <> layer.layer
UNION ALL SELECT p, 'blocks', printf('layers %d-%d', layer.layer, other.layer), measure, 'fraction of pi', NULL, 'layer', layer.layer, other.layer, NULL, NULL, 64
FROM layer JOIN layer AS other USING (p), (VALUES ('angular-last'), ('bi'), ('relative-magnitude')) AS kinds(measure) WHERE other.layer >= layer.layer AND other.layer - layer.layer < layer.layers - 1
UNION ALL SELECT p, kind.analysis, printf('states %d and %d', layer.layer, other.layer), kind.measure, '1', NULL, NULL, layer.layer, other.layer, NULL, NULL, 64
FROM layer JOIN layer AS other USING (p), (VALUES ('cka', 'cka'), ('states', 'mean_cosine'), ('states', 'relative_difference')) AS kind(analysis, measure) WHERE other.layer >= layer.layer
UNION ALL SELECT p, 'heads', printf('layer %d heads %d and %d', layer, head.head, other.head), 'distance', '1 - cosine', NULL, 'head', layer, NULL, head.head, other.head, 64
FROM head JOIN head AS other USING (p, layer) WHERE other.head > head.head
UNION ALL SELECT p, 'heads', printf('layer %d head %d', layer, head), measure, '1', NULL, 'head', layer, NULL, head, NULL, 64
FROM head, (VALUES ('entropy'), ('importance'), ('nearest_distance')) AS kinds(measure)
UNION ALL SELECT p, 'heads', printf('layer %d', layer), 'stability', 'adjusted Rand index', NULL, 'head', layer, NULL, NULL, NULL, 64 FROM layer
UNION ALL SELECT p, 'weights', printf('layer %d %s', layer, target), measure, 'units of the weights', NULL, target, layer, NULL, NULL, NULL, NULL
FROM layer, (VALUES ('layer'), ('attention'), ('mlp')) AS targets(target), (VALUES ('norm'), ('mean_absolute')) AS kinds(measure)
UNION ALL SELECT p, 'rank', printf('%s layers.%d.%s', variant, layer, target), measure, '1', variant, target, layer, NULL, NULL, NULL, NULL
FROM layer, (VALUES ('query'), ('key'), ('value'), ('output'), ('up'), ('gate'), ('down')) AS targets(target),
    (VALUES ('original'), ('mean'), ('consecutive')) AS variants(variant),
    (VALUES ('effective_rank'), ('relative_effective_rank'), ('rank'), ('relative_rank'), ('stable_rank'), ('factor_parameters')) AS kinds(measure);

INSERT INTO redundancy BY NAME
SELECT
    prune_run() AS run_id, model_id, revision, analysis, 1 AS version, component, unit, 0 AS seed,
    md5(model_id || analysis) AS analysis_key, measure, variant, target, layer, other_layer, head, other_head, n,
    draw(concat_ws(' ', p, component, measure)) AS value
FROM measurement JOIN pruned USING (p);

INSERT INTO analyses BY NAME
SELECT
    prune_run() AS run_id, analysis_key, 'hub' AS source, model_id, revision, analysis, 1 AS version,
    'text' AS text_hash, '{}' AS settings, '{}' AS options, 0 AS seed, 'cpu' AS device, 'done' AS status,
    count(*)::INTEGER AS components, 10.0 AS seconds, '0123456789ab' AS git_commit
FROM redundancy GROUP BY ALL;

INSERT INTO proxies BY NAME
WITH scores AS (
    SELECT target, unnest(list_concat(['effective rank', 'mean |weight|', 'weight norm'], own)) AS proxy
    FROM (VALUES
        ('layer', ['angular-last', 'bi', 'relative-magnitude', '1 - mean cosine', '1 - CKA', 'relative difference']),
        ('attention', []), ('mlp', []), ('head', ['head importance', 'distance to next head', 'attention focus'])
    ) AS targets(target, own)
)
SELECT
    prune_run() AS run_id, source, model_id, target, proxy, truth, rho AS spearman, greatest(-1, rho - 0.3) AS ci_low,
    least(1, rho + 0.3) AS ci_high, layers AS n_components, 1 AS n_models
FROM (
    SELECT *, 2 * draw(concat_ws(' ', p, target, proxy, truth)) - 1 AS rho
    FROM pruned, scores, (VALUES ('kl'), ('loss_increase')) AS truths(truth)
)
UNION ALL BY NAME
SELECT
    prune_run() AS run_id, NULL AS source, NULL AS model_id, target, proxy, truth, draw(target || proxy) AS spearman,
    draw(target || proxy) - 0.1 AS ci_low, least(1, draw(target || proxy) + 0.1) AS ci_high, 1000 AS n_components,
    getvariable('n_pruned') AS n_models
FROM scores, (VALUES ('kl'), ('loss_increase')) AS truths(truth);
