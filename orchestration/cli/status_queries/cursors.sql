SELECT
    source,
    split_part(name, '/', 1) AS prefix,
    count(*) AS count,
    max(observed_at) AS newest,
    min(observed_at) AS oldest
FROM ops.cursors
GROUP BY source, prefix
ORDER BY source, prefix
