SET search_path TO notification_schema;

DROP INDEX email_logs_occurred_idx;
ALTER TABLE notification_metrics
    DROP COLUMN total_delivered,
    DROP COLUMN total_bounced,
    DROP COLUMN total_complained,
    DROP COLUMN total_opened,
    DROP COLUMN total_clicked,
    DROP COLUMN total_unsubscribed;

RESET search_path;
