-- What `ladder` waits for. Advisory locks stood here, which any login may take and hold.
SET LOCAL ROLE ladder_owner;

CREATE TABLE ops.build_lock ();
COMMENT ON TABLE ops.build_lock IS 'Locked by builds (EXCLUSIVE) and loads (SHARE); never has a row';

CREATE TABLE ops.load_locks (source text PRIMARY KEY);
COMMENT ON TABLE ops.load_locks IS 'One row per source, locked by the load that is under way';

-- Locking takes the right to write.
GRANT SELECT, UPDATE ON ops.build_lock TO ladder_ingest, ladder_transform;
GRANT SELECT, UPDATE ON ops.load_locks TO ladder_ingest;
