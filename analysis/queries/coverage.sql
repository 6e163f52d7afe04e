-- One row a number k of representatives and a distance: the share of the corpus within that distance of one of them.
SELECT k, distance, share_models, share_downloads, objective, family_id, source, model_id, reason
FROM current_coverage
ORDER BY k, distance
