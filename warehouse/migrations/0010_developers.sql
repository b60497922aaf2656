-- A developer reads everything that models read and the published marts, and writes only in schemas made for developers.
-- Views and seeds in prep are made anew by each full build, so what does not exist yet is granted too.
SET LOCAL ROLE ladder_marts_owner;

GRANT USAGE ON SCHEMA prep, marts TO ladder_developer;
GRANT SELECT ON ALL TABLES IN SCHEMA prep, marts TO ladder_developer;
ALTER DEFAULT PRIVILEGES IN SCHEMA prep GRANT SELECT ON TABLES TO ladder_developer;

RESET ROLE;
SET LOCAL ROLE ladder_owner;

GRANT USAGE ON SCHEMA ops TO ladder_developer;
GRANT SELECT ON ops.build_inputs, ops.generations, ops.tracked, ops.cursors TO ladder_developer;

-- The marts as they were published, so that a later change by hand is noticed.
CREATE TABLE ops.published_marts (
    colour text NOT NULL CHECK (colour IN ('blue', 'green')),
    mart text NOT NULL,
    view_digest text NOT NULL,
    table_oid oid NOT NULL,
    columns_digest text NOT NULL,
    is_empty boolean NOT NULL,
    rows_written bigint,
    PRIMARY KEY (colour, mart)
);
COMMENT ON TABLE ops.published_marts IS 'One row per colour and mart: how it was when it was published last; none once a build of the colour has begun';
COMMENT ON COLUMN ops.published_marts.view_digest IS 'PostgreSQL''s major version, and a digest of the definition of its view as that writes it';
COMMENT ON COLUMN ops.published_marts.columns_digest IS 'of names, types and nullability of the columns of its table';
COMMENT ON COLUMN ops.published_marts.is_empty IS 'whether its table had no page';
COMMENT ON COLUMN ops.published_marts.rows_written IS 'rows inserted, updated and deleted by then, as PostgreSQL counts them; null where that was not settled';
GRANT SELECT ON ops.published_marts TO ladder_transform, ladder_ingest, ladder_serving;
GRANT SELECT, INSERT, DELETE ON ops.published_marts TO ladder_marts_owner;
