-- Structures that have hashes of one version already.
SELECT structure_id, exact_hash AS exact, layout_hash AS layout, family_hash AS family, body_hash AS body
FROM fingerprints
WHERE hash_version = $version
ORDER BY structure_id
