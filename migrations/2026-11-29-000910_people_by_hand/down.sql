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

DROP FUNCTION spelt_address(text, text);
ALTER FUNCTION spelt_other_address(text, text) RENAME TO spelt_address;

ALTER TABLE notification_preferences DROP CONSTRAINT notification_preferences_category_check;
DROP TRIGGER belongings ON users;
DROP TRIGGER belong ON user_devices;
DROP TRIGGER belong ON notification_preferences;
DROP FUNCTION move_belongings();
DROP FUNCTION belong_to_person();

RESET search_path;
