-- Fields of people that no model reads are removed before landing; what was stored of them goes.
DO $$
DECLARE
    field record;
BEGIN
    FOR field IN
        SELECT schema_name, table_name, column_name
        FROM (VALUES
            ('staging_opendota', 'players', 'last_login'),
            ('staging_faceit', 'players', 'platforms'), ('staging_faceit', 'players', 'memberships'),
            ('staging_faceit', 'players', 'infractions')
        ) AS fields (schema_name, table_name, column_name)
    LOOP
        EXECUTE format('ALTER TABLE IF EXISTS %I.%I DROP COLUMN IF EXISTS %I',
                       field.schema_name, field.table_name, field.column_name);
        EXECUTE format('ALTER TABLE IF EXISTS %I.%I DROP COLUMN IF EXISTS %I',
                       field.schema_name, field.table_name || '__feed', field.column_name);
    END LOOP;
END $$;
