SET search_path TO notification_schema;

-- What is to be published to `herald.status`, written by the transaction in which it happened. A row goes once
-- RabbitMQ has confirmed it.
--   id        is in the order in which things happened to a notification: who writes of one holds its row.
--   payload   is a CloudEvent, byte for byte.
CREATE TABLE status_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    routing_key text NOT NULL,
    payload text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- For whoever is erased.
CREATE INDEX status_outbox_notification_idx ON status_outbox (notification_id);

-- Whose turn it is to publish: a run's, until it gives the turn back or ends.
CREATE TABLE status_turn (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    owner integer
) WITH (fillfactor = 50);
INSERT INTO status_turn DEFAULT VALUES;

GRANT SELECT, INSERT, UPDATE, DELETE ON status_outbox TO herald_notifications;
GRANT SELECT, INSERT, UPDATE ON status_turn TO herald_notifications;

RESET search_path;
