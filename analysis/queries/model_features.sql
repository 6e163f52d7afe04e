-- One row a model that may be predicted or learned from: each with a dense measurement, and the first choice of each
-- family. Structure from the newest revision; cheap scores are means over layers (matrices, heads) of the dense model.
WITH dense AS (
    SELECT
        experiment.source,
        experiment.model_id,
        any_value(experiment.evaluation) AS evaluation,
        any_value(experiment.device) AS device,
        max(metric.value) AS dense_perplexity
    FROM current_experiments AS experiment
    JOIN leading_protocols USING (source, model_id, revision, evaluation, device)
    JOIN current_metrics AS metric USING (experiment_key)
    WHERE experiment.method = 'dense' AND experiment.status = 'done' AND metric.metric = 'perplexity'
        AND isfinite(metric.value) AND metric.value > 0
    GROUP BY experiment.source, experiment.model_id
),
wanted AS (
    SELECT source, model_id FROM dense
    UNION
    SELECT source, model_id FROM current_representatives WHERE rank = 1
),
found AS (
    SELECT
        wanted.source,
        wanted.model_id,
        newest.revision,
        newest.downloads,
        extraction.model_type,
        extraction.structure_id
    FROM wanted
    JOIN newest_models AS newest USING (source, model_id)
    JOIN current_extractions AS extraction USING (source, model_id, revision)
    WHERE extraction.structure_id IS NOT NULL
),
own_traits AS (
    SELECT
        structure_id,
        max(value) FILTER (name = 'modality') AS modality,
        bool_or(value = 'true') FILTER (name = 'causal') AS causal,
        max(try_cast(value AS BIGINT)) FILTER (name = 'attention_heads') AS attention_heads,
        max(try_cast(value AS DOUBLE)) FILTER (name = 'kv_group_ratio') AS queries_a_key,
        bool_or(value = 'rotary') FILTER (name = 'position') AS rotary,
        bool_or(value = 'rms') FILTER (name = 'norm') AS rms_norm
    FROM traits
    WHERE structure_id IN (SELECT structure_id FROM found)
    GROUP BY structure_id
),
own_modules AS (
    SELECT
        structure_id,
        bool_or(path LIKE '%mlp.gate\_proj' ESCAPE '\' OR path LIKE '%.gate\_up\_proj' ESCAPE '\') AS gated_mlp
    FROM extracted_modules
    WHERE structure_id IN (SELECT structure_id FROM found)
    GROUP BY structure_id
),
scores AS (
    SELECT
        source,
        model_id,
        revision,
        avg(value ORDER BY value) FILTER (analysis = 'blocks' AND measure = 'angular-last' AND layer = other_layer)
            AS angular_last,
        avg(value ORDER BY value) FILTER (analysis = 'blocks' AND measure = 'bi' AND layer = other_layer)
            AS block_influence,
        avg(value ORDER BY value) FILTER (analysis = 'states' AND measure = 'relative_difference'
            AND other_layer = layer + 1) AS relative_difference,
        avg(value ORDER BY value) FILTER (analysis = 'cka' AND measure = 'cka' AND other_layer = layer + 1) AS cka,
        avg(value ORDER BY value) FILTER (analysis = 'rank' AND variant = 'original'
            AND measure = 'relative_effective_rank') AS effective_rank,
        avg(value ORDER BY value) FILTER (analysis = 'weights' AND measure = 'mean_absolute' AND target = 'layer')
            AS mean_weight,
        avg(value ORDER BY value) FILTER (analysis = 'heads' AND measure = 'nearest_distance') AS head_distance
    FROM current_redundancy
    WHERE isfinite(value)
    GROUP BY source, model_id, revision
),
own_families AS (
    SELECT source, model_id, min(family_id) AS family_id FROM current_families GROUP BY source, model_id
)
SELECT
    found.source,
    found.model_id,
    found.revision,
    found.model_type,
    own_families.family_id,
    found.downloads,
    own_traits.modality,
    own_traits.causal,
    structure.n_layers,
    structure.hidden_size,
    structure.n_parameters,
    own_traits.attention_heads,
    own_traits.queries_a_key,
    own_modules.gated_mlp,
    own_traits.rotary,
    own_traits.rms_norm,
    dense.evaluation,
    dense.device,
    dense.dense_perplexity,
    scores.angular_last,
    scores.block_influence,
    scores.relative_difference,
    scores.cka,
    scores.effective_rank,
    scores.mean_weight,
    scores.head_distance
FROM found
JOIN extracted_structures AS structure USING (structure_id)
LEFT JOIN own_traits USING (structure_id)
LEFT JOIN own_modules USING (structure_id)
LEFT JOIN own_families USING (source, model_id)
LEFT JOIN dense USING (source, model_id)
LEFT JOIN scores USING (source, model_id, revision)
ORDER BY found.source, found.model_id
