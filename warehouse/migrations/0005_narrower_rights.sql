-- What a matrix of every role against every object showed to be open for nobody's work: books that are only added to.
SET LOCAL ROLE ladder_owner;

REVOKE UPDATE ON ops.batches, ops.lake_files, ops.lake_pages FROM ladder_ingest;
REVOKE INSERT, UPDATE ON ops.replays FROM ladder_ingest;
REVOKE DELETE ON ops.generations, ops.build_state, ops.model_references FROM ladder_marts_owner;
REVOKE INSERT, DELETE ON ops.build_inputs FROM ladder_marts_owner;
