-- Who may read the API. Keys are made and revoked by the administrator, as ladder_owner; nobody else can.
SET LOCAL ROLE ladder_owner;

CREATE TABLE ops.api_keys (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[a-z0-9]{8}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    scopes text[] NOT NULL CHECK (scopes <@ ARRAY['public', 'business', 'admin'] AND 'public' = ANY(scopes)),
    requests_per_minute integer CHECK (requests_per_minute > 0),
    rows_per_minute integer CHECK (rows_per_minute > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT session_user,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
COMMENT ON TABLE ops.api_keys IS 'One row per API key that was ever made; revoked ones stay';
COMMENT ON COLUMN ops.api_keys.key_id IS 'part of the key that is no secret';
COMMENT ON COLUMN ops.api_keys.digest IS 'SHA-256 of the whole key, which is stored nowhere';
COMMENT ON COLUMN ops.api_keys.scopes IS 'what it may read: public always, business, admin';
COMMENT ON COLUMN ops.api_keys.requests_per_minute IS 'a limit of its own; null for the limit that an address has';
COMMENT ON COLUMN ops.api_keys.rows_per_minute IS 'a limit of its own; null for the limit that an address has';
CREATE UNIQUE INDEX api_keys_name ON ops.api_keys (name) WHERE revoked_at IS NULL;

CREATE TABLE ops.api_key_uses (
    key_id text PRIMARY KEY REFERENCES ops.api_keys,
    last_used_at timestamptz NOT NULL
);
COMMENT ON TABLE ops.api_key_uses IS 'One row per API key that was ever used: when last, to about a minute';

GRANT SELECT (key_id, digest, scopes, requests_per_minute, rows_per_minute, expires_at, revoked_at) ON ops.api_keys
TO ladder_serving;
GRANT SELECT, INSERT, UPDATE ON ops.api_key_uses TO ladder_serving;
