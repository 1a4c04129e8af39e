SET search_path TO notification_schema;

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
    finished_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_replays_webhook_idx ON webhook_replays (webhook_id, id);
CREATE INDEX webhook_replays_open_idx ON webhook_replays (updated_at) WHERE finished_at IS NULL;
CREATE TRIGGER touch BEFORE UPDATE ON webhook_replays FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_replays TO herald_notifications;

DELETE FROM jobs WHERE kind = 'webhook_replay';
ALTER TABLE jobs
    DROP CONSTRAINT jobs_kind_check,
    ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('dlq_replay', 'fan_out'));

RESET search_path;
