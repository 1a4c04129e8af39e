SET search_path TO notification_schema;

DROP INDEX email_logs_dead_idx;

RESET search_path;
