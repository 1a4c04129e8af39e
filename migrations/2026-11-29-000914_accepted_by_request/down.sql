SET search_path TO notification_schema;

ALTER TABLE notifications DROP COLUMN request_id;

RESET search_path;
