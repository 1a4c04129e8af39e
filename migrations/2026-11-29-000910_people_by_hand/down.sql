SET search_path TO notification_schema;

DO $$
DECLARE
    named record;
BEGIN
    FOR named IN
        SELECT c.oid::regclass AS of_table, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'notification_schema'::regnamespace AND t.tgname LIKE 'notice%'
    LOOP
        IF named.tgname = 'notice_emptied' THEN
            EXECUTE format('DROP TRIGGER %I ON %s', named.tgname, named.of_table);
        ELSE
            EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', named.of_table, named.tgname);
        END IF;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION spell_suppression() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    spelt text := notification_schema.spelt_address(NEW.channel, NEW.address);
BEGIN
    IF spelt IS NULL AND current_user <> 'herald_notifications' THEN
        RAISE EXCEPTION 'the suppression list cannot spell this address in SQL: it would never match'
            USING ERRCODE = 'check_violation', TABLE = 'suppressions', COLUMN = 'address',
                HINT = 'Write the entry with `herald apply` ([[suppressions]]), which knows every spelling and says what is wrong. In SQL, write an e-mail address bare (no < >, no dot at the end), its domain in ASCII (xn--...), and a number as +4915112345678.';
    END IF;
    NEW.address := coalesce(spelt, NEW.address);
    RETURN NEW;
END
$$;

ALTER TABLE notification_preferences DROP CONSTRAINT notification_preferences_category_check;
DROP TRIGGER belongings ON users;
DROP TRIGGER belong ON user_devices;
DROP TRIGGER belong ON notification_preferences;
DROP FUNCTION move_belongings();
DROP FUNCTION belong_to_person();

RESET search_path;
