SET search_path TO notification_schema;

DROP TABLE console_sessions;

RESET search_path;
