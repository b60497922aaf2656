SELECT
    source,
    field,
    pages
FROM ops.drift
ORDER BY source, field
