SET search_path TO notification_schema;

DROP TABLE inbox_broadcasts;
DROP TABLE inbox_tenants;
DROP TABLE inbox_items;
DROP TABLE inbox_readers;

RESET search_path;
