SELECT
    batch_id,
    source,
    loaded_at,
    files,
    pages,
    records,
    inserted,
    updated,
    deleted,
    reobserved,
    rejected
FROM ops.batches
ORDER BY batch_id DESC
LIMIT 10
