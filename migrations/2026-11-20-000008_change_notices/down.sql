SET search_path TO notification_schema;

DROP FUNCTION notify_table_changed() CASCADE;
DROP FUNCTION notify_rules_changed() CASCADE;
DROP FUNCTION notify_belonging_changed() CASCADE;
DROP FUNCTION notify_person_changed() CASCADE;

RESET search_path;
