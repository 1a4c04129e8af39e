SET search_path TO notification_schema;

-- What providers told later, in the hour in which it happened.
ALTER TABLE notification_metrics
    ADD COLUMN total_delivered integer NOT NULL DEFAULT 0,
    ADD COLUMN total_bounced integer NOT NULL DEFAULT 0,
    ADD COLUMN total_complained integer NOT NULL DEFAULT 0,
    ADD COLUMN total_opened integer NOT NULL DEFAULT 0,
    ADD COLUMN total_clicked integer NOT NULL DEFAULT 0,
    ADD COLUMN total_unsubscribed integer NOT NULL DEFAULT 0;

-- The events of an hour; they come about in the order of time.
CREATE INDEX email_logs_occurred_idx ON email_logs USING brin (occurred_at);

RESET search_path;
