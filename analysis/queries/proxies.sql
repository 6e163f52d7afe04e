-- One row a part of a layer, cheap score, measure of damage and model, pooled over models where the model is NULL.
SELECT source, model_id, target, proxy, truth, spearman, ci_low, ci_high, n_components, n_models
FROM current_proxies
ORDER BY target, proxy, truth, model_id NULLS LAST, source
