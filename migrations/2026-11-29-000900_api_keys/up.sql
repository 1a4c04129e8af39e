SET search_path TO notification_schema;

-- A key is found by its prefix, and known by the SHA-256 of its text.
--   tenant_id       NULL is an operator's key: every tenant.
--   networks        is from where it may be used, in CIDR notation; empty: from anywhere.
--   revoked_at      is when it was taken back; it opens nothing any more.
--   previous_hash   is of the text that it had before it was rotated, and opens until previous_until.
ALTER TABLE api_keys
    ALTER COLUMN tenant_id DROP NOT NULL,
    DROP COLUMN is_active,
    ADD COLUMN networks text[] NOT NULL DEFAULT '{}',
    ADD COLUMN revoked_at timestamptz,
    ADD COLUMN previous_hash varchar(64),
    ADD COLUMN previous_until timestamptz,
    ADD CONSTRAINT api_keys_prefix_key UNIQUE (prefix),
    ADD CONSTRAINT api_keys_previous_check CHECK ((previous_hash IS NULL) = (previous_until IS NULL));

-- A key that is new is in nobody's memory, and that one was used changes nothing that is.
CREATE TRIGGER notice_updated AFTER UPDATE ON api_keys FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.key_hash, OLD.prefix, OLD.scopes, OLD.rate_limit, OLD.expires_at,
           OLD.networks, OLD.revoked_at, OLD.previous_hash, OLD.previous_until)
          IS DISTINCT FROM
          (NEW.tenant_id, NEW.key_hash, NEW.prefix, NEW.scopes, NEW.rate_limit, NEW.expires_at,
           NEW.networks, NEW.revoked_at, NEW.previous_hash, NEW.previous_until))
    EXECUTE FUNCTION notify_table_changed('api_keys');
CREATE TRIGGER notice_deleted AFTER DELETE ON api_keys FOR EACH ROW
    EXECUTE FUNCTION notify_table_changed('api_keys');

RESET search_path;
