SET search_path TO notification_schema;

-- Operators stop an account for a while. A pause is a row, so that it outlives every node, holds on all
-- of them, and ends by itself; it stays to be read.
--   kind      'pause': no request is started. 'drain': nothing new comes to it, what it has is sent.
--   paused_by is an API key's id, or what acted on the command line.
--   ended_at  is when somebody ended it before its time.
CREATE TABLE provider_pauses (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL REFERENCES provider_configs (id) ON UPDATE CASCADE ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('pause', 'drain')),
    reason varchar(500) NOT NULL CHECK (reason <> ''),
    paused_by varchar(100) NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL CHECK (isfinite(ends_at)),
    ended_at timestamptz,
    ended_by varchar(100),
    CONSTRAINT provider_pauses_ended_check CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

CREATE UNIQUE INDEX provider_pauses_open_key ON provider_pauses (provider_id) WHERE ended_at IS NULL;
CREATE INDEX provider_pauses_provider_idx ON provider_pauses (provider_id, paused_at);

CREATE TRIGGER notice AFTER INSERT OR UPDATE OR DELETE ON provider_pauses
    FOR EACH ROW EXECUTE FUNCTION notify_table_changed('accounts');
-- Whoever changes it: the worker of a subscription, too.
ALTER TABLE provider_pauses ENABLE ALWAYS TRIGGER notice;

GRANT SELECT, INSERT, UPDATE, DELETE ON provider_pauses TO herald_notifications;

-- What a run measures of an account, while that changes.
--   pace      messages a second that it takes at present.
--   in_flight workers that have a message in hand.
--   waiting   messages in its queue on the node.
ALTER TABLE provider_health
    ADD COLUMN pace double precision,
    ADD COLUMN in_flight integer,
    ADD COLUMN waiting integer,
    ADD COLUMN measured_at timestamptz;

-- An account that accepts everything and sends nothing, for any channel.
ALTER TABLE provider_configs
    DROP CONSTRAINT provider_configs_kind_check,
    ADD CONSTRAINT provider_configs_kind_check
        CHECK (kind IN ('sendgrid', 'smtp', 'twilio', 'fcm', 'slack', 'sandbox'));

RESET search_path;
