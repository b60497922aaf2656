-- Which world the data is of, where its sources answer, and when the lake was last looked through.
SET LOCAL ROLE ladder_owner;

CREATE TABLE ops.world (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    world text NOT NULL CHECK (world <> ''),
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.world IS 'At most one row: the world that everything stored is of; none before the first request to a source';
COMMENT ON COLUMN ops.world.world IS
'`real`, the id of a sandbox or recording, or `unnamed`: a server that is neither an API''s own nor names its world';

CREATE TABLE ops.upstreams (
    source text PRIMARY KEY,
    url text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.upstreams IS 'One row per source whose address was set by `ladder upstream set`';
COMMENT ON COLUMN ops.upstreams.url IS 'base URL, used where LADDER_<SOURCE>_URL is not set; of the world of ops.world';

GRANT SELECT, INSERT, UPDATE ON ops.world, ops.upstreams TO ladder_ingest;

CREATE TABLE ops.lake_listings (
    source text PRIMARY KEY,
    token text NOT NULL,
    listed_at timestamptz NOT NULL DEFAULT now(),
    compacted_at timestamptz
);
COMMENT ON TABLE ops.lake_listings IS 'One row per source whose lake files were all listed, to load what is not loaded yet';
COMMENT ON COLUMN ops.lake_listings.token IS
'the lake holds the same one where its notes of pending files are those of this database';
COMMENT ON COLUMN ops.lake_listings.compacted_at IS 'when the files of closed days were put together';

GRANT SELECT, INSERT, UPDATE ON ops.lake_listings TO ladder_ingest;
