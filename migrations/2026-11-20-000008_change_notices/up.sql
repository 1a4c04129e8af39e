SET search_path TO notification_schema;

-- Nodes hold people, rules, accounts and templates in memory. They listen on `herald_changes` and
-- forget what a notice names; a notice is delivered with the commit that it tells of, and equal
-- ones of a transaction once. A person who is new is in nobody's memory: no notice.
CREATE FUNCTION notify_person_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('herald_changes', format('person:%s:%s', OLD.tenant_id, OLD.id));
    RETURN NULL;
END
$$;

CREATE TRIGGER notice AFTER UPDATE ON users FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.email, OLD.username, OLD.phone, OLD.timezone, OLD.locale,
           OLD.deleted_at)
          IS DISTINCT FROM
          (NEW.id, NEW.tenant_id, NEW.email, NEW.username, NEW.phone, NEW.timezone, NEW.locale,
           NEW.deleted_at))
    EXECUTE FUNCTION notify_person_changed();
CREATE TRIGGER notice_deleted AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION notify_person_changed();

-- A device that moves to another person, or a wish, tells of both sides.
CREATE FUNCTION notify_belonging_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    side record;
BEGIN
    FOR side IN
        SELECT o.tenant_id, o.user_id FROM (SELECT OLD.*) o WHERE TG_OP <> 'INSERT'
        UNION
        SELECT n.tenant_id, n.user_id FROM (SELECT NEW.*) n WHERE TG_OP <> 'DELETE'
    LOOP
        IF side.user_id IS NULL THEN
            PERFORM pg_notify('herald_changes', format('rules:%s', side.tenant_id));
        ELSE
            PERFORM pg_notify('herald_changes', format('person:%s:%s', side.tenant_id, side.user_id));
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE TRIGGER notice AFTER INSERT OR UPDATE OR DELETE ON notification_preferences
    FOR EACH ROW EXECUTE FUNCTION notify_belonging_changed();
CREATE TRIGGER notice AFTER INSERT OR DELETE ON user_devices
    FOR EACH ROW EXECUTE FUNCTION notify_belonging_changed();
-- An app that reports itself again and again changes nothing that anybody holds in memory.
CREATE TRIGGER notice_updated AFTER UPDATE ON user_devices FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.user_id, OLD.token, OLD.invalidated_at)
          IS DISTINCT FROM (NEW.tenant_id, NEW.user_id, NEW.token, NEW.invalidated_at))
    EXECUTE FUNCTION notify_belonging_changed();

CREATE FUNCTION notify_rules_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_notify('herald_changes', format('rules:%s', OLD.tenant_id));
    ELSE
        PERFORM pg_notify('herald_changes', format('rules:%s', NEW.tenant_id));
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER notice AFTER INSERT OR UPDATE OR DELETE ON categories
    FOR EACH ROW EXECUTE FUNCTION notify_rules_changed();

-- What is read as a whole: the payload names it. By row all the same: a statement that finds
-- nothing to change, such as a file that is applied again, tells nobody.
CREATE FUNCTION notify_table_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('herald_changes', TG_ARGV[0]);
    RETURN NULL;
END
$$;

CREATE TRIGGER notice AFTER INSERT OR UPDATE OR DELETE ON provider_configs
    FOR EACH ROW EXECUTE FUNCTION notify_table_changed('accounts');
CREATE TRIGGER notice AFTER INSERT OR UPDATE OR DELETE ON notification_templates
    FOR EACH ROW EXECUTE FUNCTION notify_table_changed('templates');

RESET search_path;
