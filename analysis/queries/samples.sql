-- One row a model, method and prompt: the greedy continuation of the first seed at the ratio nearest to one half, under
-- the model's leading protocol.
WITH written AS (
    SELECT
        experiment.source, experiment.model_id, experiment.method, experiment.scope, experiment.ratio, experiment.seed,
        experiment.run_id, experiment.experiment_key, sample.prompt, sample.text
    FROM samples AS sample
    JOIN current_experiments AS experiment USING (experiment_key, run_id)
    JOIN leading_protocols USING (source, model_id, revision, evaluation, device)
    WHERE experiment.status = 'done'
)
SELECT source, model_id, method, scope, ratio, prompt, text
FROM written
QUALIFY row_number() OVER (
    PARTITION BY source, model_id, method, prompt
    ORDER BY abs(ratio - 0.5), ratio DESC, seed, run_id DESC, experiment_key, text
) = 1
ORDER BY model_id, source, prompt, ratio > 0, scope, method
