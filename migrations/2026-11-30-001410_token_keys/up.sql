SET search_path TO notification_schema;

-- The keys that sign user tokens (JSON Web Tokens), by which people's browsers ask for what is the person's own.
--   kid            is the name by which a token's header names its key; of one tenant's live keys one has it.
--   is_own         is Herald's own key of the tenant: tokens that Herald issues are signed with it.
--   public_key     is a SubjectPublicKeyInfo (RFC 5280); the private half is the tenant's.
--   sealed_secret  is a secret of both sides (HS256), sealed like the credentials of accounts.
--   revoked_at     is when it was taken back: what it signed opens nothing any more.
CREATE TABLE token_keys (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    kid varchar(100) NOT NULL,
    name varchar(100) NOT NULL,
    algorithm text NOT NULL CHECK (algorithm = ANY (ARRAY['RS256', 'ES256', 'HS256'])),
    is_own boolean NOT NULL DEFAULT false,
    public_key bytea,
    sealed_secret bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    CONSTRAINT token_keys_secret_check CHECK ((algorithm = 'HS256') = (sealed_secret IS NOT NULL)),
    CONSTRAINT token_keys_public_check CHECK ((algorithm = 'HS256') = (public_key IS NULL)),
    CONSTRAINT token_keys_own_check CHECK (NOT is_own OR algorithm = 'HS256')
);
CREATE UNIQUE INDEX token_keys_kid_key ON token_keys (tenant_id, kid) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX token_keys_own_key ON token_keys (tenant_id) WHERE is_own AND revoked_at IS NULL;
CREATE INDEX token_keys_tenant_idx ON token_keys (tenant_id, id);

-- A key that is new is in nobody's memory.
CREATE TRIGGER notice_updated AFTER UPDATE ON token_keys
    FOR EACH ROW EXECUTE FUNCTION notify_table_changed('token_keys');
CREATE TRIGGER notice_deleted AFTER DELETE ON token_keys
    FOR EACH ROW EXECUTE FUNCTION notify_table_changed('token_keys');
CREATE TRIGGER notice_emptied AFTER TRUNCATE ON token_keys
    FOR EACH STATEMENT EXECUTE FUNCTION notify_table_changed('token_keys');
ALTER TABLE token_keys
    ENABLE ALWAYS TRIGGER notice_updated,
    ENABLE ALWAYS TRIGGER notice_deleted,
    ENABLE ALWAYS TRIGGER notice_emptied;

GRANT SELECT, INSERT, UPDATE, DELETE ON token_keys TO herald_notifications;

RESET search_path;
