SET search_path TO notification_schema;

-- Whose a claim is: what has begun and has not ended is in the books of its tenant.
ALTER TABLE notification_deduplication ADD COLUMN tenant_id uuid, ADD COLUMN channel text;

-- The claims of an hour, and what ended in an hour. Rows come in the order of time, so that an index of a few
-- pages finds them and costs an insert next to nothing.
CREATE INDEX IF NOT EXISTS notification_deduplication_notification_idx ON notification_deduplication USING brin (notification_id);
CREATE INDEX notifications_ended_idx ON notifications USING brin (sent_at, failed_at);

-- Rows that went with their person.
ALTER TABLE intake ADD COLUMN erased bigint NOT NULL DEFAULT 0;

-- The books of an hour and tenant: what came in is what became of it. An hour is the one in which a notification
-- was begun, by its id.
CREATE TABLE ledger_hours (
    hour timestamptz NOT NULL,
    tenant_id uuid NOT NULL,
    consumed bigint NOT NULL,
    accepted_api bigint NOT NULL,
    rejected bigint NOT NULL,
    duplicates bigint NOT NULL,
    sent bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    pending bigint NOT NULL,
    in_flight bigint NOT NULL,
    quarantined bigint NOT NULL,
    erased bigint NOT NULL,
    difference bigint NOT NULL GENERATED ALWAYS AS (
        consumed + accepted_api - rejected - duplicates - sent - failed - cancelled - pending
        - in_flight - quarantined - erased) STORED,
    counted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hour, tenant_id)
);
CREATE INDEX ledger_hours_difference_idx ON ledger_hours (hour) WHERE difference <> 0;

-- How far the hours are counted. Whoever changes an hour that is over adds a mark, in the transaction of the
-- change; whoever counts writes down the marks that were there before.
CREATE TABLE counted_hours (
    hour timestamptz PRIMARY KEY,
    marks bigint NOT NULL DEFAULT 0,
    counted_marks bigint,
    counted_at timestamptz,
    took_ms bigint NOT NULL DEFAULT 0,
    closed_at timestamptz
);

-- How long deliveries took, once the hour is over: how many fell into which bucket.
ALTER TABLE notification_metrics
    ADD COLUMN delivery_buckets smallint[],
    ADD COLUMN delivery_counts bigint[];

GRANT SELECT, INSERT, UPDATE, DELETE ON ledger_hours, counted_hours TO herald_notifications;

RESET search_path;
