SET search_path TO notification_schema;

ALTER TABLE users DROP CONSTRAINT users_readable_as_of_check;

RESET search_path;
