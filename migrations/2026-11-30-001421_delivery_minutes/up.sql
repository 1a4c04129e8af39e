SET search_path TO notification_schema;

-- What was sent and what failed in each of the last minutes, for charts: written by the statement that adds to the
-- hours, and kept for some hours. Nothing is counted from it.
CREATE TABLE delivery_minutes (
    tenant_id uuid NOT NULL,
    minute timestamptz NOT NULL,
    message_type text NOT NULL,
    sent bigint NOT NULL,
    failed bigint NOT NULL,
    delivery_ms bigint NOT NULL,
    PRIMARY KEY (minute, tenant_id, message_type)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON delivery_minutes TO herald_notifications;

RESET search_path;
