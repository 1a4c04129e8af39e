SET search_path TO notification_schema;

-- A wish and a device belong to their person, and so to the person's tenant, whoever writes them: a wish of
-- another tenant would be read by nobody.
CREATE FUNCTION belong_to_person() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    tenant uuid;
BEGIN
    SELECT u.tenant_id INTO tenant FROM notification_schema.users u WHERE u.id = NEW.user_id;
    NEW.tenant_id := coalesce(tenant, NEW.tenant_id);
    RETURN NEW;
END
$$;

CREATE FUNCTION move_belongings() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE notification_schema.notification_preferences p SET tenant_id = NEW.tenant_id
    WHERE p.user_id = NEW.id AND p.tenant_id <> NEW.tenant_id;
    -- Another person of that tenant has the device by now.
    DELETE FROM notification_schema.user_devices d USING notification_schema.user_devices e
    WHERE d.user_id = NEW.id AND e.token = d.token AND e.tenant_id = NEW.tenant_id AND e.id <> d.id;
    UPDATE notification_schema.user_devices d SET tenant_id = NEW.tenant_id
    WHERE d.user_id = NEW.id AND d.tenant_id <> NEW.tenant_id;
    RETURN NULL;
END
$$;

-- What stands there with another tenant. Of two wishes about the same, the one that was read stays.
DELETE FROM notification_preferences p USING users u, notification_preferences q
WHERE u.id = p.user_id AND p.tenant_id <> u.tenant_id
  AND q.user_id = p.user_id AND q.tenant_id = u.tenant_id
  AND q.channel IS NOT DISTINCT FROM p.channel AND q.category IS NOT DISTINCT FROM p.category;
UPDATE notification_preferences p SET tenant_id = u.tenant_id FROM users u
WHERE u.id = p.user_id AND p.tenant_id <> u.tenant_id;
UPDATE user_devices d SET tenant_id = u.tenant_id FROM users u
WHERE u.id = d.user_id AND d.tenant_id <> u.tenant_id
  AND NOT EXISTS (SELECT FROM user_devices e WHERE e.tenant_id = u.tenant_id AND e.token = d.token);

CREATE TRIGGER belong BEFORE INSERT OR UPDATE OF tenant_id, user_id ON notification_preferences FOR EACH ROW
    WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION belong_to_person();
CREATE TRIGGER belong BEFORE INSERT OR UPDATE OF tenant_id, user_id ON user_devices FOR EACH ROW
    EXECUTE FUNCTION belong_to_person();
CREATE TRIGGER belongings AFTER UPDATE OF tenant_id ON users FOR EACH ROW
    WHEN (OLD.tenant_id <> NEW.tenant_id) EXECUTE FUNCTION move_belongings();

-- A category without a name is none; the engine reads those that stand there as wishes about everything.
ALTER TABLE notification_preferences ADD CONSTRAINT notification_preferences_category_check
    CHECK (category !~ '^\s*$') NOT VALID;

-- An inbox is a user's: its address is their id.
ALTER FUNCTION spelt_address(text, text) RENAME TO spelt_other_address;
CREATE FUNCTION spelt_address(channel text, address text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    spelt text := notification_schema.spelt_other_address(channel, address);
BEGIN
    IF channel = 'in_app' THEN
        spelt := lower(spelt COLLATE "C");
        RETURN CASE WHEN spelt ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN spelt END;
    END IF;
    RETURN spelt;
END
$$;
UPDATE suppressions s SET address = lower(s.address COLLATE "C")
WHERE s.channel = 'in_app' AND s.address <> lower(s.address COLLATE "C")
  AND NOT EXISTS (SELECT FROM suppressions t WHERE t.tenant_id = s.tenant_id AND t.channel = 'in_app'
      AND t.address = lower(s.address COLLATE "C"));

-- Notices come whoever changes a table: the worker of a subscription sets session_replication_role, and TRUNCATE
-- has no rows.
DO $$
DECLARE
    named record;
BEGIN
    FOR named IN
        SELECT c.oid::regclass AS of_table, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'notification_schema'::regnamespace AND t.tgname LIKE 'notice%'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', named.of_table, named.tgname);
    END LOOP;
    FOR named IN
        SELECT * FROM (VALUES ('users', 'people'), ('user_devices', 'people'), ('categories', 'people'),
            ('notification_preferences', 'people'), ('tenants', 'people'), ('provider_configs', 'accounts'),
            ('notification_templates', 'templates'), ('api_keys', 'api_keys')) v (of_table, payload)
    LOOP
        EXECUTE format('CREATE TRIGGER notice_emptied AFTER TRUNCATE ON notification_schema.%I
            FOR EACH STATEMENT EXECUTE FUNCTION notification_schema.notify_table_changed(%L)',
            named.of_table, named.payload);
        EXECUTE format('ALTER TABLE notification_schema.%I ENABLE ALWAYS TRIGGER notice_emptied', named.of_table);
    END LOOP;
END
$$;

RESET search_path;
