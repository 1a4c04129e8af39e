SET search_path TO notification_schema;

CREATE OR REPLACE FUNCTION forget_audited() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE notification_schema.audit_logs SET changes = NULL
    WHERE resource_type = 'user' AND resource_id = OLD.id::text AND changes IS NOT NULL;
    RETURN NULL;
END
$$;

DROP TABLE link_keys;

RESET search_path;
