SET search_path TO notification_schema;

ALTER TABLE notification_metrics DROP COLUMN delivery_buckets, DROP COLUMN delivery_counts;
DROP TABLE counted_hours;
DROP TABLE ledger_hours;
ALTER TABLE intake DROP COLUMN erased;
DROP INDEX notifications_ended_idx;
DROP INDEX notification_deduplication_notification_idx;
ALTER TABLE notification_deduplication DROP COLUMN tenant_id, DROP COLUMN channel;

RESET search_path;
