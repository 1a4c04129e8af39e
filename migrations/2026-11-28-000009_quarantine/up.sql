SET search_path TO notification_schema;

-- Outcomes that PostgreSQL refuses for their own data (a CHECK that knows no such word, a value out
-- of range), kept whole until somebody has mended the cause and replays them. The claim of such a
-- notification stays; its row, if it has one, has no due time, so that nobody sends it meanwhile.
--   settlement  the outcome with its notification and content, as JSON. Bytes, since PostgreSQL may
--               have refused the very characters.
--   status, reason, channel  of the outcome. Without checks: no word may be refused here.
--   run_id      the run that owns the claim.
CREATE TABLE notification_quarantine (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    notification_id uuid NOT NULL CONSTRAINT notification_quarantine_notification_key UNIQUE,
    tenant_id uuid NOT NULL,
    channel text NOT NULL,
    idempotency_key bytea NOT NULL,
    status text NOT NULL,
    reason text,
    settlement bytea NOT NULL,
    sqlstate text NOT NULL,
    message text NOT NULL,
    run_id integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    -- 'replayed' or 'resolved', by whom it was dealt with.
    resolution text
);

-- The desk's list and the gauge.
CREATE INDEX notification_quarantine_open_idx ON notification_quarantine (created_at) WHERE resolved_at IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON notification_quarantine TO herald_notifications;

RESET search_path;
