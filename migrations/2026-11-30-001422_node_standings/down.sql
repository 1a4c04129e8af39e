SET search_path TO notification_schema;

DROP TABLE node_standings;

RESET search_path;
