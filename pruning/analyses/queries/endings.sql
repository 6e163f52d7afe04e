-- One row an analysis and its options: how it ended last.
SELECT analysis_key, options, status, reason
FROM analyses
QUALIFY row_number() OVER (PARTITION BY analysis_key, options ORDER BY run_id DESC) = 1
ORDER BY analysis_key, options
