SELECT
    source,
    endpoint,
    reason,
    count(*) FILTER (WHERE due_at <= now()) AS due,
    count(*) FILTER (WHERE due_at > now()) AS waiting,
    count(*) FILTER (WHERE due_at IS NULL) AS given_up,
    min(due_at) AS next_at
FROM ops.rereads
WHERE reason IS NOT NULL
GROUP BY source, endpoint, reason
ORDER BY source, endpoint, reason
