SET search_path TO notification_schema;

ALTER TABLE admin_system_events DROP COLUMN runs;

RESET search_path;
