-- One row a part of a layer, and one for all parts together: cheap scores against measured damage (KL), pooled over
-- models; above = the whole interval of Spearman's rho lies above 0; best = the greatest rho of those (NULL = none).
SELECT
    coalesce(target, 'all') AS target,
    count(*) AS n_scores,
    count(*) FILTER (ci_low > 0) AS n_above,
    count(*) FILTER (ci_high < 0) AS n_below,
    arg_max(proxy, (spearman, proxy)) FILTER (ci_low > 0) AS best,
    max(spearman) FILTER (ci_low > 0) AS best_rho,
    arg_max(ci_low, (spearman, proxy)) FILTER (ci_low > 0) AS best_low,
    arg_max(ci_high, (spearman, proxy)) FILTER (ci_low > 0) AS best_high
FROM current_proxies
WHERE model_id IS NULL AND truth = 'kl' AND spearman IS NOT NULL
GROUP BY GROUPING SETS ((target), ())
HAVING count(*) > 0
ORDER BY target
