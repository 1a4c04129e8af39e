-- for notifications
DROP INDEX CONCURRENTLY IF EXISTS {table}_recipient_id_idx;
CREATE INDEX CONCURRENTLY {table}_recipient_id_idx ON {table} (recipient, id)
    WHERE payload ->> 'to' IS NOT NULL AND message_type IN ('email', 'sms');
