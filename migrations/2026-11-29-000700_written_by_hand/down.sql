SET search_path TO notification_schema;

DROP TRIGGER spell ON suppressions;
DROP FUNCTION spell_suppression();
DROP TRIGGER said_now ON users;
DROP FUNCTION said_now();

RESET search_path;
