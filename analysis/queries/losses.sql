-- One row a model, method, ratio and seed under the model's leading protocol: the loss of each evaluation window.
WITH newest AS (
    SELECT experiment.*
    FROM current_experiments AS experiment
    JOIN leading_protocols USING (source, model_id, revision, evaluation, device)
    WHERE experiment.status = 'done'
    QUALIFY row_number() OVER (
        PARTITION BY source, model_id, method, ratio, seed ORDER BY run_id DESC, experiment_key
    ) = 1
)
SELECT
    newest.source,
    newest.model_id,
    newest.method,
    newest.ratio,
    newest.seed,
    list(loss.nats ORDER BY loss.window_position) AS nats,
    list(loss.tokens ORDER BY loss.window_position) AS tokens
FROM newest
JOIN current_window_losses AS loss USING (experiment_key)
GROUP BY newest.source, newest.model_id, newest.method, newest.ratio, newest.seed
HAVING bool_and(isfinite(loss.nats) AND loss.tokens > 0)
ORDER BY newest.model_id, newest.source, newest.method, newest.ratio, newest.seed
