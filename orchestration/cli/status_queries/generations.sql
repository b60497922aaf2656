SELECT
    generation,
    colour,
    as_of_date,
    head_batch_id,
    published_at,
    (SELECT coalesce(max(batch_id), 0) FROM ops.batches WHERE inserted + updated + deleted > 0) AS newest_batch_id
FROM ops.generations
ORDER BY generation DESC
LIMIT 5
