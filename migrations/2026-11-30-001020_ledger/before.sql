-- for notifications
DROP INDEX CONCURRENTLY IF EXISTS {table}_sent_at_failed_at_idx;
CREATE INDEX CONCURRENTLY {table}_sent_at_failed_at_idx ON {table} USING brin (sent_at, failed_at);

-- for notification_deduplication
DROP INDEX CONCURRENTLY IF EXISTS notification_deduplication_notification_idx;
CREATE INDEX CONCURRENTLY notification_deduplication_notification_idx ON {table} USING brin (notification_id);
