-- When the next request to a source may be made, so that all processes on this database keep to one limit together.
-- Unlogged: it holds moments of the next second or so, which a crash may forget.
SET LOCAL ROLE ladder_owner;

CREATE UNLOGGED TABLE ops.request_slots (
    source text PRIMARY KEY,
    next_at timestamptz NOT NULL
);
COMMENT ON TABLE ops.request_slots IS 'One row per source that allows so many requests a second: when the next one may be made';

GRANT SELECT, INSERT, UPDATE ON ops.request_slots TO ladder_ingest;
