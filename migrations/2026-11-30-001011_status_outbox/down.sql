SET search_path TO notification_schema;

DROP TABLE status_turn;
DROP TABLE status_outbox;

RESET search_path;
