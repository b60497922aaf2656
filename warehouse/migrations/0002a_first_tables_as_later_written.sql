-- 0001 and 0002 were edited in place for some hours after warehouses had been made with them. This brings each earlier
-- shape to the last one, before 0003 builds on it; it changes nothing where they were applied as they are now.
-- What the next build needs of the last one is forgotten where its shape was another: that build is a full one.
-- tests/warehouse/test_migrate.py compares digests, so that no migration is edited from now on.
SET LOCAL ROLE ladder_owner;

DO $$
BEGIN
    IF to_regclass('ops.lake_pages') IS NULL THEN
        CREATE TABLE ops.lake_pages (
            source text NOT NULL,
            digest bytea NOT NULL,
            batch_id bigint NOT NULL,
            PRIMARY KEY (source, digest)
        );
        GRANT SELECT, INSERT, UPDATE ON ops.lake_pages TO ladder_ingest;
        GRANT SELECT ON ops.lake_pages TO ladder_transform, ladder_marts_owner;
    END IF;

    IF to_regclass('ops.replays') IS NULL THEN
        CREATE TABLE ops.replays (
            source text PRIMARY KEY,
            started_at timestamptz NOT NULL DEFAULT now()
        );
        GRANT SELECT, INSERT, UPDATE, DELETE ON ops.replays TO ladder_ingest;
        GRANT SELECT ON ops.replays TO ladder_transform, ladder_marts_owner;
    END IF;

    IF to_regclass('ops.model_references') IS NULL THEN
        CREATE TABLE ops.model_references (
            colour text NOT NULL CHECK (colour IN ('blue', 'green')),
            model text NOT NULL,
            fingerprint text NOT NULL,
            PRIMARY KEY (colour, model)
        );
        GRANT SELECT ON ops.model_references TO ladder_ingest, ladder_transform;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ops.model_references TO ladder_marts_owner;
    END IF;

    IF to_regclass('ops.change_ids') IS NULL THEN
        CREATE SEQUENCE ops.change_ids AS bigint;
        GRANT USAGE ON SEQUENCE ops.change_ids TO ladder_marts_owner;
    END IF;

    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'ops.watermarks'::regclass AND attname = 'staging_table') THEN
        DELETE FROM ops.watermarks;
        ALTER TABLE ops.watermarks RENAME COLUMN staging_table TO relation;
        ALTER TABLE ops.watermarks RENAME COLUMN batch_id TO read_up_to;
        ALTER TABLE ops.watermarks ADD COLUMN IF NOT EXISTS epoch bigint NOT NULL DEFAULT 0;
        DELETE FROM ops.build_state;
    END IF;

    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'ops.build_inputs'::regclass AND attname = 'models_digest') THEN
        ALTER TABLE ops.build_inputs ADD COLUMN IF NOT EXISTS begun_at timestamptz;
        ALTER TABLE ops.build_inputs ADD COLUMN models_digest text;
        ALTER TABLE ops.build_inputs DROP CONSTRAINT build_inputs_colour_check;
        ALTER TABLE ops.build_inputs ADD CONSTRAINT build_inputs_colour_check
            CHECK (colour IN ('blue', 'green', 'scratch'));
        INSERT INTO ops.build_inputs (colour) VALUES ('scratch');
    END IF;

    IF (SELECT count(*) FROM pg_attribute WHERE attrelid = 'ops.build_state'::regclass
        AND attname IN ('inputs_digest', 'models_digest')) < 2 THEN
        DELETE FROM ops.build_state;
        ALTER TABLE ops.build_state ADD COLUMN IF NOT EXISTS inputs_digest text NOT NULL;
        ALTER TABLE ops.build_state ADD COLUMN IF NOT EXISTS models_digest text NOT NULL;
    END IF;
END
$$;

COMMENT ON TABLE ops.lake_pages IS 'One row per loaded page, by digest; a page that comes again as it was needs no second look';
COMMENT ON TABLE ops.replays IS 'One row per source whose replay is not finished; no build starts while it stands';
COMMENT ON TABLE ops.watermarks IS 'One row per colour, model and relation that it reads: how much of it the model holds';
COMMENT ON COLUMN ops.watermarks.relation IS 'schema and name of a staging table, or name of a model';
COMMENT ON COLUMN ops.watermarks.read_up_to IS 'newest batch of a staging table, newest change of a fact, or of int_as_of_date the date in days since 2000';
COMMENT ON COLUMN ops.watermarks.epoch IS 'which build of a fact the change belongs to; 0 for others';
COMMENT ON TABLE ops.model_references IS 'One row per colour and model that hangs on small relations as wholes: what these were when it was built';
COMMENT ON SEQUENCE ops.change_ids IS 'Numbers the changes that builds make to facts';
COMMENT ON TABLE ops.build_inputs IS 'One row per colour: what the next build is told, and when the last one began';
COMMENT ON COLUMN ops.build_inputs.as_of_date IS 'date that windows hang on; null means the newest play date';
COMMENT ON COLUMN ops.build_inputs.models_digest IS 'models that the last build was made with; null for a full build that was not finished';

RESET ROLE;

CREATE SCHEMA IF NOT EXISTS marts_scratch AUTHORIZATION ladder_marts_owner;
SET LOCAL ROLE ladder_marts_owner;
COMMENT ON SCHEMA marts_scratch IS 'Where `ladder verify` rebuilds marts to compare them; empty otherwise';
