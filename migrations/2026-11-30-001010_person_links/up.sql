SET search_path TO notification_schema;

-- The keys of the links by which people say what they want to receive. Each is derived from a key of `secrets.key`
-- and kept, so that mail that was sent long ago has links that work after that key is gone.
--   key_id      is the beginning of the key's hash; it stands in each link.
--   sealed_key  is sealed like the credentials of accounts.
CREATE TABLE link_keys (
    id uuid PRIMARY KEY,
    key_id bytea NOT NULL UNIQUE CHECK (octet_length(key_id) = 4),
    sealed_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON link_keys TO herald_notifications;

-- What a person did themselves, by a link, stands in the trail with their own address: that is forgotten with them.
CREATE OR REPLACE FUNCTION forget_audited() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE notification_schema.audit_logs
    SET changes = NULL, ip_address = CASE WHEN actor = 'person' THEN NULL ELSE ip_address END
    WHERE resource_type = 'user' AND resource_id = OLD.id::text
      AND (changes IS NOT NULL OR actor = 'person');
    RETURN NULL;
END
$$;

RESET search_path;
