SET search_path TO notification_schema;

DROP TABLE delivery_minutes;

RESET search_path;
