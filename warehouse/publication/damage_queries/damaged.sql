-- Marts that differ from their published state. Row counters restart after a crash, a restored table has another oid,
-- and another version of PostgreSQL formats definitions differently: none of these is damage.
WITH live AS (
    SELECT colour FROM ops.generations ORDER BY generation DESC LIMIT 1
),

current_state AS (
    SELECT
        p.*,
        v.oid AS view_oid,
        t.oid AS found_oid,
        p.colour = live.colour AS is_live,
        current_setting('server_version_num')::integer / 10000 AS server
    FROM live
    JOIN ops.published_marts AS p ON p.colour = coalesce(%(colour)s, live.colour)
    LEFT JOIN pg_class AS v
        ON v.relname = p.mart AND v.relnamespace = to_regnamespace('marts') AND v.relkind = 'v'
    LEFT JOIN pg_class AS t
        ON t.relname = p.mart AND t.relnamespace = to_regnamespace('marts_' || p.colour) AND t.relkind = 'r'
),

compared AS (
    SELECT
        mart,
        CASE
            WHEN found_oid IS NULL THEN 'table_missing'
            WHEN found_oid <> table_oid AND (view_oid IS NULL OR NOT is_live) THEN 'table_replaced'
            WHEN columns_digest <> (
                SELECT
                    md5(string_agg(
                        concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull), ', '
                        ORDER BY a.attnum
                    ))
                FROM pg_attribute AS a
                WHERE a.attrelid = found_oid AND a.attnum > 0 AND NOT a.attisdropped
            ) THEN 'columns_changed'
            WHEN pg_relation_size(found_oid) = 0 AND NOT is_empty THEN 'emptied'
            WHEN is_live AND view_oid IS NULL THEN 'view_missing'
            WHEN is_live AND split_part(view_digest, ':', 1)::integer = server AND md5(pg_get_viewdef(view_oid)) <> (
                split_part(view_digest, ':', 2)
            ) THEN 'view_changed'
            WHEN found_oid = table_oid AND rows_written < (
                pg_stat_get_tuples_inserted(found_oid)
                + pg_stat_get_tuples_updated(found_oid)
                + pg_stat_get_tuples_deleted(found_oid)
            ) THEN 'rows_changed'
        END AS problem
    FROM current_state
)

SELECT mart, problem FROM compared WHERE problem IS NOT NULL ORDER BY mart
