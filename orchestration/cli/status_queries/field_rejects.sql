SELECT
    fields.source,
    fields.table_name,
    fields.field_path,
    fields.reason,
    sum(fields.records)::bigint AS records,
    min(batches.loaded_at) AS first_loaded_at,
    max(batches.loaded_at) AS last_loaded_at,
    (sum(sum(fields.records)) OVER ())::bigint AS all_records
FROM ops.field_rejects AS fields
INNER JOIN ops.batches AS batches ON fields.batch_id = batches.batch_id
GROUP BY fields.source, fields.table_name, fields.field_path, fields.reason
ORDER BY records DESC, fields.source, fields.table_name, fields.field_path, fields.reason
LIMIT 10
