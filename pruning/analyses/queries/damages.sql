-- One row a model, part of a layer and measure: what taking the part out costs, measured.
SELECT source, model_id, revision, measure, target, layer, head, value
FROM current_redundancy
WHERE analysis = 'ablation'
    AND measure IN ('kl', 'loss_increase')
    AND target IN ('layer', 'attention', 'mlp', 'head')
    AND layer IS NOT NULL
    AND (target = 'head') = (head IS NOT NULL)
ORDER BY source, model_id, target, layer, head, measure
