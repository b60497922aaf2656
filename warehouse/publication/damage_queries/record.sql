-- Record the current state of the marts' views and tables.
INSERT INTO ops.published_marts (colour, mart, view_digest, table_oid, columns_digest, is_empty, rows_written)
SELECT
    %(colour)s,
    v.relname,
    current_setting('server_version_num')::integer / 10000 || ':' || md5(pg_get_viewdef(v.oid)),
    t.oid,
    md5(c.columns),
    pg_relation_size(t.oid) = 0,
    CASE
        WHEN %(are_writes_counted)s
        THEN pg_stat_get_tuples_inserted(t.oid) + pg_stat_get_tuples_updated(t.oid) + pg_stat_get_tuples_deleted(t.oid)
    END
FROM pg_class AS v
JOIN pg_class AS t ON t.relname = v.relname AND t.relnamespace = to_regnamespace('marts_' || %(colour)s)
CROSS JOIN LATERAL (
    SELECT
        string_agg(
            concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull), ', ' ORDER BY a.attnum
        ) AS columns
    FROM pg_attribute AS a
    WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
) AS c
WHERE v.relnamespace = to_regnamespace('marts') AND v.relname = ANY(%(marts)s);
