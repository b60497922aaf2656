-- What is not settled upstream and is read again on a schedule; a source's own totals beside ours.
SET LOCAL ROLE ladder_owner;

CREATE TABLE ops.rereads (
    source text NOT NULL,
    endpoint text NOT NULL,
    id text NOT NULL,
    reason text,
    tries integer NOT NULL CHECK (tries > 0),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    due_at timestamptz,
    PRIMARY KEY (source, endpoint, id)
);
COMMENT ON TABLE ops.rereads IS 'One row per thing that was not settled when it was read: why, and when it is read again';
COMMENT ON COLUMN ops.rereads.reason IS 'unparsed, absent, under_way, ... (docs/runbook.md); null once it is settled';
COMMENT ON COLUMN ops.rereads.tries IS 'how often it was read for this reason, the first time included';
COMMENT ON COLUMN ops.rereads.first_at IS 'when it was first read for this reason';
COMMENT ON COLUMN ops.rereads.due_at IS 'when it is read again; null once it is settled, or the schedule has ended';
CREATE INDEX rereads_due ON ops.rereads (source, endpoint, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE ops.source_totals (
    source text NOT NULL,
    player_id text NOT NULL,
    measure text NOT NULL,
    theirs bigint NOT NULL,
    ours bigint NOT NULL,
    compared_at timestamptz NOT NULL,
    differs_since timestamptz,
    reread_for bigint,
    PRIMARY KEY (source, player_id, measure),
    CHECK ((theirs = ours) = (differs_since IS NULL))
);
COMMENT ON TABLE ops.source_totals IS
'One row per source, player and measure: the total that the source shows beside that of the matches which are stored';
COMMENT ON COLUMN ops.source_totals.measure IS 'matches, wins, or either of one hero or map, e.g. `wins of hero 74`';
COMMENT ON COLUMN ops.source_totals.differs_since IS 'since when they differ; null while they are equal';
COMMENT ON COLUMN ops.source_totals.reread_for IS
'difference for which the whole history was read again; another difference is worth another time';

GRANT SELECT, INSERT, UPDATE ON ops.rereads, ops.source_totals TO ladder_ingest;
GRANT DELETE ON ops.source_totals TO ladder_ingest;
GRANT SELECT ON ops.rereads, ops.source_totals TO ladder_transform, ladder_marts_owner, ladder_analyst;
