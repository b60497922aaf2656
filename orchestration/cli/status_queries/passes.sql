SELECT DISTINCT ON (source, name)
    source,
    name,
    started_at,
    finished_at,
    (report ->> 'requests')::integer AS requests,
    (report ->> 'records')::integer AS records,
    jsonb_array_length(report -> 'failures') AS failures,
    report -> 'stop' ->> 'message' AS stop
FROM ops.passes
ORDER BY source, name, started_at DESC
