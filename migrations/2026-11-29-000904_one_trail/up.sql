SET search_path TO notification_schema;

-- What was changed of a person who is erased is forgotten; that it was changed, when and by whom, stays. The
-- engine's role may add to the trail and nothing else, so that this runs as the owner.
CREATE FUNCTION forget_audited() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE notification_schema.audit_logs SET changes = NULL
    WHERE resource_type = 'user' AND resource_id = OLD.id::text AND changes IS NOT NULL;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION forget_audited() FROM PUBLIC;

CREATE TRIGGER forget_audited AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION forget_audited();

-- Who applies files says so (`herald.audit_actor`, for the transaction), and what is written then is noted
-- here: as it was and as it is, only what differs, and no secret. Others note what they do themselves.
--   TG_ARGV  resource, the column that names it, and for what belongs to it the action.
CREATE FUNCTION note_applied() RETURNS trigger
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

DO $$
DECLARE
    noted record;
BEGIN
    FOR noted IN
        SELECT * FROM (VALUES
            ('tenants', $q$'tenant', 'id'$q$),
            ('categories', $q$'category', 'name'$q$),
            ('users', $q$'user', 'id'$q$),
            ('user_devices', $q$'user', 'user_id', 'add_device'$q$),
            ('notification_preferences', $q$'user', 'user_id', 'prefer'$q$),
            ('notification_templates', $q$'template', 'name'$q$),
            ('provider_configs', $q$'provider', 'provider_name'$q$),
            ('notification_webhooks', $q$'webhook', 'id'$q$),
            ('suppressions', $q$'suppression', 'id'$q$)) v (of_table, arguments)
    LOOP
        EXECUTE format('CREATE TRIGGER note_applied AFTER INSERT OR UPDATE ON notification_schema.%I FOR EACH ROW
            WHEN (coalesce(current_setting(''herald.audit_actor'', true), '''') <> '''')
            EXECUTE FUNCTION notification_schema.note_applied(%s)', noted.of_table, noted.arguments);
    END LOOP;
END
$$;

RESET search_path;
