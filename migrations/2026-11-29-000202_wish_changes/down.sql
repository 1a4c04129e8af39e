SET search_path TO notification_schema;

DROP FUNCTION remember_move() CASCADE;
DROP FUNCTION remember_wish_change() CASCADE;
DROP INDEX notifications_clock_idx;
DROP TABLE wish_changes;

RESET search_path;
