SET search_path TO notification_schema;

DROP TABLE token_keys;

RESET search_path;
