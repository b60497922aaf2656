-- One odd field costs no row: it becomes null, and is counted here.
SET LOCAL ROLE ladder_owner;

CREATE TABLE ops.field_rejects (
    source text NOT NULL,
    lake_path text NOT NULL,
    page integer NOT NULL,
    table_name text NOT NULL,
    field_path text NOT NULL,
    reason text NOT NULL,
    records bigint NOT NULL,
    record_index integer NOT NULL,
    endpoint text NOT NULL,
    batch_id bigint NOT NULL REFERENCES ops.batches,
    PRIMARY KEY (source, lake_path, page, table_name, field_path, reason)
);
COMMENT ON TABLE ops.field_rejects IS 'One row per page, field and reason for which the field could not be read as it was sent; its records became rows all the same';
COMMENT ON COLUMN ops.field_rejects.records IS 'records of the page with such a value';
COMMENT ON COLUMN ops.field_rejects.record_index IS 'position of the first of them in the page, from 0';
COMMENT ON COLUMN ops.field_rejects.batch_id IS 'the load that read the page last';

GRANT SELECT ON ops.field_rejects TO ladder_ingest, ladder_transform, ladder_marts_owner;
GRANT INSERT, DELETE ON ops.field_rejects TO ladder_ingest;
