SET search_path TO notification_schema;

DROP TABLE email_logs;
DROP TABLE notification_dlq;
DROP TABLE notifications;
DROP TABLE intake;
DROP TABLE notification_deduplication;
DROP TABLE engine_nodes;

RESET search_path;
