SET search_path TO notification_schema;

DROP FUNCTION is_dead_run(integer);

RESET search_path;
