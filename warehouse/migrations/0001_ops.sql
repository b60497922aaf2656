-- The warehouse's own books. Owned by ladder_owner, written by ladder_ingest and ladder_transform.
CREATE SCHEMA IF NOT EXISTS ops AUTHORIZATION ladder_owner;
COMMENT ON SCHEMA ops IS 'Books of the warehouse: batches, cursors, rejects, generations';

SET LOCAL ROLE ladder_owner;

CREATE SEQUENCE ops.batch_ids AS bigint;

CREATE TABLE ops.batches (
    batch_id bigint PRIMARY KEY,
    source text NOT NULL,
    loaded_at timestamptz NOT NULL,
    files integer NOT NULL,
    pages integer NOT NULL,
    records bigint NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    deleted bigint NOT NULL,
    reobserved bigint NOT NULL,
    rejected bigint NOT NULL
);
COMMENT ON TABLE ops.batches IS 'One row per load: what a transaction put into the staging tables';
COMMENT ON COLUMN ops.batches.reobserved IS 'rows whose content was seen again, unchanged, at a later time';

CREATE TABLE ops.lake_files (
    path text PRIMARY KEY,
    source text NOT NULL,
    endpoint text NOT NULL,
    pages integer NOT NULL,
    batch_id bigint NOT NULL REFERENCES ops.batches
);
COMMENT ON TABLE ops.lake_files IS 'One row per loaded lake file, by its path below the lake; a file without a row is still to be loaded';

CREATE TABLE ops.lake_pages (
    source text NOT NULL,
    digest bytea NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (source, digest)
);
COMMENT ON TABLE ops.lake_pages IS 'One row per loaded page, by digest; a page that comes again as it was needs no second look';

CREATE TABLE ops.cursors (
    source text NOT NULL,
    name text NOT NULL,
    value jsonb NOT NULL,
    observed_at timestamptz NOT NULL,
    PRIMARY KEY (source, name)
);
COMMENT ON TABLE ops.cursors IS 'One row per cursor: how far a source has been read';

CREATE TABLE ops.rejects (
    source text NOT NULL,
    lake_path text NOT NULL,
    page integer NOT NULL,
    table_name text NOT NULL,
    record_index integer NOT NULL,
    endpoint text NOT NULL,
    field_path text NOT NULL,
    reason text NOT NULL,
    record text NOT NULL,
    batch_id bigint NOT NULL REFERENCES ops.batches,
    replayed_at timestamptz,
    PRIMARY KEY (source, lake_path, page, table_name, record_index)
);
COMMENT ON TABLE ops.rejects IS 'One row per record that could not become a row, and where its payload lies';
COMMENT ON COLUMN ops.rejects.record_index IS 'position in the page from 0; -1 for the page as a whole';
COMMENT ON COLUMN ops.rejects.replayed_at IS 'when a replay made a row of it; null while it is open';

CREATE TABLE ops.drift (
    source text NOT NULL,
    field text NOT NULL,
    pages bigint NOT NULL,
    first_batch_id bigint NOT NULL REFERENCES ops.batches,
    last_batch_id bigint NOT NULL REFERENCES ops.batches,
    PRIMARY KEY (source, field)
);
COMMENT ON TABLE ops.drift IS 'One row per field that a source sends and no table definition knows; its values are in the lake';

CREATE TABLE ops.tracked (
    source text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    PRIMARY KEY (source, kind, id)
);
COMMENT ON TABLE ops.tracked IS 'One row per thing that a source is asked for; removed_at set once it is no longer';

CREATE TABLE ops.passes (
    pass_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    name text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    report jsonb
);
COMMENT ON TABLE ops.passes IS 'One row per pass over a source; one without an end is resumed by the next';
CREATE INDEX passes_open ON ops.passes (source, name) WHERE finished_at IS NULL;

CREATE TABLE ops.replays (
    source text PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.replays IS 'One row per source whose replay is not finished; no build starts while it stands';

CREATE TABLE ops.generations (
    generation bigint PRIMARY KEY,
    colour text NOT NULL CHECK (colour IN ('blue', 'green')),
    as_of_date date,
    head_batch_id bigint NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.generations IS 'One row per publication; the newest is what the views of marts show';

CREATE TABLE ops.watermarks (
    colour text NOT NULL CHECK (colour IN ('blue', 'green')),
    model text NOT NULL,
    relation text NOT NULL,
    read_up_to bigint NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (colour, model, relation)
);
COMMENT ON TABLE ops.watermarks IS 'One row per colour, model and relation that it reads: how much of it the model holds';
COMMENT ON COLUMN ops.watermarks.relation IS 'schema and name of a staging table, or name of a model';
COMMENT ON COLUMN ops.watermarks.read_up_to IS 'newest batch of a staging table, newest change of a fact, or of int_as_of_date the date in days since 2000';
COMMENT ON COLUMN ops.watermarks.epoch IS 'which build of a fact the change belongs to; 0 for others';

CREATE TABLE ops.model_references (
    colour text NOT NULL CHECK (colour IN ('blue', 'green')),
    model text NOT NULL,
    fingerprint text NOT NULL,
    PRIMARY KEY (colour, model)
);
COMMENT ON TABLE ops.model_references IS 'One row per colour and model that hangs on small relations as wholes: what these were when it was built';

CREATE SEQUENCE ops.change_ids AS bigint;
COMMENT ON SEQUENCE ops.change_ids IS 'Numbers the changes that builds make to facts';

CREATE TABLE ops.build_inputs (
    colour text PRIMARY KEY CHECK (colour IN ('blue', 'green', 'scratch')),
    as_of_date date,
    models_digest text,
    begun_at timestamptz
);
COMMENT ON TABLE ops.build_inputs IS 'One row per colour: what the next build is told, and when the last one began';
COMMENT ON COLUMN ops.build_inputs.as_of_date IS 'date that windows hang on; null means the newest play date';
COMMENT ON COLUMN ops.build_inputs.models_digest IS 'models that the last build was made with; null for a full build that was not finished';
INSERT INTO ops.build_inputs (colour) VALUES ('blue'), ('green'), ('scratch');

CREATE TABLE ops.build_state (
    colour text PRIMARY KEY CHECK (colour IN ('blue', 'green')),
    head_batch_id bigint NOT NULL,
    inputs_digest text NOT NULL,
    models_digest text NOT NULL,
    as_of_date date,
    built_at timestamptz NOT NULL
);
COMMENT ON TABLE ops.build_state IS 'One row per colour that has been built and tested: on which data and which models it stands';

GRANT USAGE ON SCHEMA ops TO ladder_ingest, ladder_transform, ladder_marts_owner, ladder_analyst, ladder_serving;
GRANT SELECT ON ALL TABLES IN SCHEMA ops TO ladder_ingest, ladder_transform, ladder_marts_owner;
GRANT USAGE ON SEQUENCE ops.batch_ids TO ladder_ingest;
GRANT USAGE ON SEQUENCE ops.change_ids TO ladder_marts_owner;
GRANT INSERT, UPDATE ON ops.batches, ops.lake_files, ops.lake_pages, ops.replays, ops.cursors, ops.rejects, ops.drift, ops.tracked, ops.passes
TO ladder_ingest;
GRANT DELETE ON ops.replays TO ladder_ingest;
GRANT INSERT, UPDATE, DELETE ON ops.generations, ops.watermarks, ops.model_references, ops.build_inputs, ops.build_state TO ladder_marts_owner;
GRANT SELECT ON ops.generations TO ladder_analyst, ladder_serving;
