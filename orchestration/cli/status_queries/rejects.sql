SELECT
    source,
    table_name,
    reason,
    count(*) AS count
FROM ops.rejects
WHERE replayed_at IS NULL
GROUP BY source, table_name, reason
ORDER BY count DESC, source, table_name, reason
LIMIT 20
