SET search_path TO notification_schema;

DROP TRIGGER note_applied ON workflows;
DROP TRIGGER note_pruned ON tenants;
DROP TRIGGER note_pruned ON categories;
DROP TRIGGER note_pruned ON notification_preferences;
DROP TRIGGER note_pruned ON suppressions;

CREATE OR REPLACE FUNCTION note_applied() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    hidden CONSTANT text[] := ARRAY['id', 'tenant_id', 'user_id', 'created_at', 'updated_at', 'recipient_as_of',
        'last_seen_at', 'token', 'body', 'html', 'api_key', 'api_secret', 'config_json', 'secret_key',
        'previous_secret_key', 'previous_secret_until'];
    whole CONSTANT jsonb := to_jsonb(NEW);
    was jsonb;
    now_is jsonb := jsonb_strip_nulls(whole - hidden);
    tenant uuid := CASE WHEN TG_TABLE_NAME = 'tenants' THEN whole ->> 'id' ELSE whole ->> 'tenant_id' END;
    resource text := TG_ARGV[0];
    resource_id text := whole ->> TG_ARGV[1];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(OLD) - 'updated_at' - 'recipient_as_of' = whole - 'updated_at' - 'recipient_as_of' THEN
            RETURN NULL;
        END IF;
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, whole -> o.key) INTO was, now_is
        FROM jsonb_each(to_jsonb(OLD) - hidden) o WHERE whole -> o.key IS DISTINCT FROM o.value;
    END IF;
    IF resource_id IS NULL THEN
        -- A preference for all people of a tenant.
        resource := 'tenant';
        resource_id := tenant::text;
    END IF;
    INSERT INTO notification_schema.audit_logs (tenant_id, actor, action, resource_type, resource_id, changes)
    VALUES (tenant, current_setting('herald.audit_actor'),
        coalesce(TG_ARGV[2], CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'update' END), resource, resource_id,
        nullif(CASE WHEN was IS NULL THEN '{}' ELSE jsonb_build_object('old', was) END
            || CASE WHEN now_is IS NULL THEN '{}' ELSE jsonb_build_object('new', now_is) END, '{}'));
    RETURN NULL;
END
$$;

DROP TABLE applied_entries;

RESET search_path;
