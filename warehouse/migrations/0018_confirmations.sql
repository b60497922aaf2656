-- When each staging table was last confirmed by its source, and the published generation by a run: what comes again
-- unchanged leaves no row, no batch and no materialization, and is up to date all the same.
SET LOCAL ROLE ladder_owner;

CREATE TABLE ops.confirmations (
    source text NOT NULL,
    table_name text NOT NULL,
    confirmed_at timestamptz,
    awaited_since timestamptz,
    PRIMARY KEY (source, table_name)
);
COMMENT ON TABLE ops.confirmations IS 'One row per staging table whose pass has run: when the source last answered for it';
COMMENT ON COLUMN ops.confirmations.confirmed_at IS
'end of the last pass that the source answered and that was loaded; null before the first';
COMMENT ON COLUMN ops.confirmations.awaited_since IS
'since when each pass had something to read; null while nothing is tracked that the table is filled from';

GRANT SELECT, INSERT, UPDATE ON ops.confirmations TO ladder_ingest;
GRANT SELECT ON ops.confirmations TO ladder_transform, ladder_developer, ladder_marts_owner;

-- Until now freshness was read from the rows themselves.
DO $$
DECLARE
    staging record;
BEGIN
    FOR staging IN
        SELECT n.nspname, c.relname
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = '_observed_at' AND NOT a.attisdropped
        WHERE n.nspname LIKE 'staging\_%' AND c.relkind = 'r' AND right(c.relname, 6) <> '__feed'
    LOOP
        EXECUTE format(
            'INSERT INTO ops.confirmations SELECT %L, %L, max(_observed_at), max(_observed_at) FROM %I.%I '
            'HAVING max(_observed_at) IS NOT NULL',
            substr(staging.nspname, 9), staging.relname, staging.nspname, staging.relname
        );
    END LOOP;
END $$;

ALTER TABLE ops.generations ADD COLUMN confirmed_at timestamptz;
UPDATE ops.generations SET confirmed_at = published_at;
ALTER TABLE ops.generations ALTER COLUMN confirmed_at SET NOT NULL, ALTER COLUMN confirmed_at SET DEFAULT now();
COMMENT ON COLUMN ops.generations.confirmed_at IS
'when a run last found that it holds everything that is loaded; from its publication on';
