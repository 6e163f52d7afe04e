-- One row a sanity check and outcome: how many, on how many models, and one that says most by name.
SELECT
    done.check_name,
    done.outcome,
    count(*) AS n_checks,
    count(DISTINCT (done.source, done.model_id)) AS n_models,
    min(done.model_id) AS example,
    arg_min(
        coalesce(experiment.method || ' ' || experiment.ratio::VARCHAR, ''),
        (done.model_id, experiment.method, experiment.ratio, done.experiment_key)
    ) AS example_method,
    arg_min(done.detail, (done.model_id, experiment.method, experiment.ratio, done.experiment_key)) AS example_detail
FROM current_checks AS done
LEFT JOIN current_experiments AS experiment USING (experiment_key)
GROUP BY done.check_name, done.outcome
ORDER BY done.check_name, done.outcome
