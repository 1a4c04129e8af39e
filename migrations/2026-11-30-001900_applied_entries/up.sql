SET search_path TO notification_schema;

-- What `herald apply --prune LABEL` has made: what an apply of the label no longer declares is removed by it, and nothing else is.
--   id       the row; of a template its first version since the last time it was removed. Categories and workflows have a
--            number made of tenant and name.
--   made_at  when that was made: a person who is made again has the id of before. No foreign key: what somebody else
--            removed is found to be gone when the label is applied next.
CREATE TABLE applied_entries (
    label varchar(100) NOT NULL CHECK (label <> ''),
    kind text NOT NULL CHECK (kind IN (
        'tenants', 'categories', 'users', 'preferences', 'templates', 'providers', 'webhooks', 'workflows',
        'token_keys', 'suppressions', 'topics')),
    id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (label, kind, id)
);
-- Whether another label has it, too.
CREATE INDEX applied_entries_thing_idx ON applied_entries (kind, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON applied_entries TO herald_notifications;

-- Who applies files may remove what was applied, which is noted as what is written: a row that is gone, and one that is
-- marked so, as `delete`; a workflow by its state.
CREATE OR REPLACE FUNCTION note_applied() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    hidden CONSTANT text[] := ARRAY['id', 'tenant_id', 'user_id', 'created_at', 'updated_at', 'recipient_as_of',
        'last_seen_at', 'token', 'body', 'html', 'written', 'definition', 'api_key', 'api_secret', 'config_json',
        'secret_key', 'previous_secret_key', 'previous_secret_until'];
    whole CONSTANT jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    was jsonb;
    now_is jsonb := jsonb_strip_nulls(whole - hidden);
    tenant uuid := CASE WHEN TG_TABLE_NAME = 'tenants' THEN whole ->> 'id' ELSE whole ->> 'tenant_id' END;
    resource text := TG_ARGV[0];
    resource_id text := whole ->> TG_ARGV[1];
    done text := coalesce(TG_ARGV[2], CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'update' END);
BEGIN
    IF TG_OP = 'DELETE' THEN
        was := now_is;
        now_is := NULL;
        done := coalesce(TG_ARGV[2], 'delete');
    ELSIF TG_OP = 'UPDATE' THEN
        IF to_jsonb(OLD) - 'updated_at' - 'recipient_as_of' = whole - 'updated_at' - 'recipient_as_of' THEN
            RETURN NULL;
        END IF;
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, whole -> o.key) INTO was, now_is
        FROM jsonb_each(to_jsonb(OLD) - hidden) o WHERE whole -> o.key IS DISTINCT FROM o.value;
        IF to_jsonb(OLD) ->> 'deleted_at' IS NULL AND whole ->> 'deleted_at' IS NOT NULL THEN
            done := 'delete';
        END IF;
    END IF;
    IF resource_id IS NULL THEN
        -- A preference for all people of a tenant.
        resource := 'tenant';
        resource_id := tenant::text;
    END IF;
    INSERT INTO notification_schema.audit_logs (tenant_id, actor, action, resource_type, resource_id, changes)
    VALUES (tenant, current_setting('herald.audit_actor'), done, resource, resource_id,
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
            ('notification_preferences', $q$'user', 'user_id', 'prefer'$q$),
            ('suppressions', $q$'suppression', 'id'$q$)) v (of_table, arguments)
    LOOP
        EXECUTE format('CREATE TRIGGER note_pruned AFTER DELETE ON notification_schema.%I FOR EACH ROW
            WHEN (coalesce(current_setting(''herald.audit_actor'', true), '''') <> '''')
            EXECUTE FUNCTION notification_schema.note_applied(%s)', noted.of_table, noted.arguments);
    END LOOP;
END
$$;

-- Workflows that files publish were not in the trail.
CREATE TRIGGER note_applied AFTER INSERT OR UPDATE ON workflows FOR EACH ROW
    WHEN (coalesce(current_setting('herald.audit_actor', true), '') <> '')
    EXECUTE FUNCTION note_applied('workflow', 'name');

RESET search_path;
