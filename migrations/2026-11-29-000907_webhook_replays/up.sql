SET search_path TO notification_schema;

-- What a webhook was told in a span of time, told again: a row that any node works on, a part at a time.
--   everything  also what has arrived; else what has not.
--   planned     is how many there were when it was ordered; done how many have been set to be sent.
--   place       is the last delivery that was looked at.
CREATE TABLE webhook_replays (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    webhook_id uuid NOT NULL REFERENCES notification_webhooks (id) ON UPDATE CASCADE ON DELETE CASCADE,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > since),
    everything boolean NOT NULL,
    planned bigint NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    place uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

CREATE INDEX webhook_replays_webhook_idx ON webhook_replays (webhook_id, id);
CREATE INDEX webhook_replays_open_idx ON webhook_replays (created_at) WHERE finished_at IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_replays TO herald_notifications;

RESET search_path;
