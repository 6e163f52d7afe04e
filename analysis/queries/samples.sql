-- One row a generated text: the dense model, and each method at its greatest ratio.
SELECT experiment.model_id, experiment.method, experiment.ratio, sample.prompt, sample.text
FROM samples AS sample
JOIN current_experiments AS experiment USING (experiment_key, run_id)
WHERE experiment.status = 'done'
QUALIFY dense_rank() OVER (
    PARTITION BY experiment.source, experiment.model_id, experiment.method ORDER BY experiment.ratio DESC
) = 1 AND dense_rank() OVER (PARTITION BY experiment.source, experiment.model_id ORDER BY sample.prompt) = 1
ORDER BY experiment.model_id, experiment.ratio > 0, experiment.method, experiment.seed, experiment.experiment_key
