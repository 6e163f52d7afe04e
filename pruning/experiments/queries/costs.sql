-- What finished experiments took on a device: the median by method and model, whatever the ratio, the seed and the revision.
-- What a time limit ended took as long at least; a refusal says nothing of the work.
WITH sizes AS (
    SELECT taken.source, taken.model_id, max(counted.value)::BIGINT AS parameters
    FROM current_experiments AS taken
    JOIN current_metrics AS counted USING (experiment_key)
    WHERE taken.method = 'dense' AND counted.metric = 'parameters'
    GROUP BY taken.source, taken.model_id
)
SELECT
    taken.method,
    taken.source,
    taken.model_id,
    median(taken.seconds) AS seconds,
    any_value(sizes.parameters) AS parameters
FROM current_experiments AS taken
LEFT JOIN sizes USING (source, model_id)
WHERE taken.device = $device AND (taken.status = 'done' OR taken.reason = 'timeout')
GROUP BY taken.method, taken.source, taken.model_id
ORDER BY taken.method, taken.source, taken.model_id
