-- Dense models with losses by window that were not found again in a second measurement.
SELECT
    experiment.experiment_key,
    experiment.source,
    experiment.model_id,
    experiment.revision,
    experiment.evaluation,
    experiment.device,
    list(loss.nats ORDER BY loss.window_position) AS nats,
    list(loss.tokens ORDER BY loss.window_position) AS tokens
FROM current_experiments AS experiment
JOIN current_window_losses AS loss USING (experiment_key)
WHERE experiment.method = 'dense' AND experiment.status = 'done'
    AND NOT EXISTS (
        SELECT 1 FROM current_checks AS done
        WHERE done.experiment_key = experiment.experiment_key AND done.check_name = 'dense_again' AND done.outcome = 'ok'
    )
GROUP BY ALL
ORDER BY experiment.source, experiment.model_id, experiment.experiment_key
