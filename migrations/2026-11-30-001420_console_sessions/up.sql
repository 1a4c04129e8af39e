SET search_path TO notification_schema;

-- Operators who are signed in to the console: each came with an API key, which their browser does not keep.
--   token_hash   is the SHA-256 of what their cookie holds.
--   key_hash     is the hash of the key's text with which they came: when it is rotated, they stay as long as the old
--                text opens.
--   about        is the tenant that an operator's key has chosen; NULL is all.
CREATE TABLE console_sessions (
    token_hash varchar(64) PRIMARY KEY CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    key_id uuid NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    key_hash varchar(64) NOT NULL,
    about uuid REFERENCES tenants (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX console_sessions_key_idx ON console_sessions (key_id);
CREATE INDEX console_sessions_about_idx ON console_sessions (about) WHERE about IS NOT NULL;
CREATE INDEX console_sessions_expires_idx ON console_sessions (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON console_sessions TO herald_notifications;

RESET search_path;
