SELECT
    source,
    kind,
    count(*) AS count
FROM ops.tracked
WHERE removed_at IS NULL
GROUP BY source, kind
ORDER BY source, kind
