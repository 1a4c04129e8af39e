SET search_path TO notification_schema;

-- Runs of engine nodes. A run lives as long as its session; the row is for people and for sharing
-- an account's rate limit. `run_id` is the `owner` of claims.
CREATE TABLE engine_nodes (
    run_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_name text NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);

-- Claims: the SHA-256 of tenant and key as 32 raw bytes, because this random unique index is the
-- dearest thing in the insert path. No foreign keys: the claim is there before the notification.
-- No index on `expires_at`: keys whose time is over are found by walking the table, a part at a
-- time. Block ranges would not find them: a page that has been used again keeps its earliest time.
CREATE TABLE notification_deduplication (
    idempotency_key bytea PRIMARY KEY CHECK (octet_length(idempotency_key) = 32),
    notification_id uuid NOT NULL,
    owner integer,
    body_hash bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- The books: what came in, by hour, tenant and channel, written in the claiming transaction. A few
-- shards, so that concurrent transactions do not queue for one row; room on the page for HOT.
CREATE TABLE intake (
    hour timestamptz NOT NULL,
    tenant_id uuid NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'sms', 'push', 'in_app', 'chat')),
    shard smallint NOT NULL,
    consumed bigint NOT NULL DEFAULT 0,
    accepted_api bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, tenant_id, channel, shard)
) WITH (fillfactor = 50);

-- One row a notification, by month of its id (UUIDv7), so that a look-up by id touches one
-- partition and retention drops whole ones.
--   tenant_id  has no foreign key: each insert would take a share lock on the one tenant row that
--              everybody uses.
--   due_at     is when the scheduler should take it; `send_at` stays what the publisher asked.
--   owner      is the run that works on it.
--   attempts   is the timeline: every attempt and deferral.
--   user_id    NULL is the whole tenant, in-app only.
CREATE TABLE notifications (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    idempotency_key varchar(64) NOT NULL,
    message_type text NOT NULL CHECK (message_type IN ('email', 'sms', 'push', 'in_app', 'chat')),
    priority text NOT NULL CHECK (priority IN ('urgent', 'high', 'normal', 'low')),
    category text,
    provider text,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed', 'cancelled')),
    reason text CHECK (reason IN (
        'scheduled', 'quiet_hours', 'retry', 'waiting_for_provider',
        'channel_disabled', 'category_disabled', 'frequency_cap', 'suppressed', 'expired', 'cancelled_by_user',
        'no_address', 'template_error', 'retries_exhausted', 'invalid_recipient', 'unregistered', 'opted_out',
        'content_refused', 'message_too_large', 'provider_misconfigured', 'provider_refused')),
    recipient text,
    template_name text,
    template_version integer,
    payload jsonb NOT NULL,
    attempt_count integer NOT NULL DEFAULT 0,
    max_retries integer NOT NULL DEFAULT 5,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_attempted timestamptz,
    send_at timestamptz,
    due_at timestamptz,
    expires_at timestamptz,
    failed_at timestamptz,
    sent_at timestamptz,
    error_message text,
    provider_response text,
    provider_message_id text,
    attempts jsonb NOT NULL DEFAULT '[]',
    source_type varchar(50),
    source_id varchar(255),
    metadata jsonb,
    owner integer,
    is_read boolean NOT NULL DEFAULT false,
    read_at timestamptz,
    deleted_at timestamptz,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);

-- Every index costs on every insert; each says whom it serves. There is none on
-- `provider_message_id`: provider events find their row by our own id, which travels with the
-- message (custom arguments, the callback's URL).

-- A person's notifications and inbox, newest first; the cascade when a person is erased.
CREATE INDEX notifications_user_idx ON notifications (user_id, id);

-- The monitoring queries "in the last hour", "in the last day", and reports by time. Rows arrive
-- in order of time, so a few pages of summary do.
CREATE INDEX notifications_created_idx ON notifications
    USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);

-- The scheduler: what is due in a lane. Only waiting rows are in it, so a notification that is
-- sent at once never touches it. Also serves the monitoring query for stuck notifications, and
-- the count of what waits by reason.
CREATE INDEX notifications_due_idx ON notifications (message_type, priority, due_at) INCLUDE (reason)
    WHERE status = 'pending';

-- The inbox's count of unread, asked for on every page view.
CREATE INDEX notifications_unread_idx ON notifications (user_id, id)
    WHERE message_type = 'in_app' AND NOT is_read AND deleted_at IS NULL;

-- Dead letters. Like all that depends on notifications, it carries their id without a foreign key:
-- PostgreSQL refuses to drop a partition that is referenced, even when no row is left. The settling
-- transaction writes both sides; retention removes both by the same range of ids.
CREATE TABLE notification_dlq (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL,
    notification_id uuid NOT NULL CONSTRAINT notification_dlq_notification_key UNIQUE,
    failure_reason text NOT NULL CHECK (failure_reason IN (
        'no_address', 'template_error', 'retries_exhausted', 'invalid_recipient', 'unregistered', 'opted_out',
        'content_refused', 'message_too_large', 'provider_misconfigured', 'provider_refused')),
    retry_history jsonb,
    moved_to_dlq_at timestamptz NOT NULL DEFAULT now(),
    resolved boolean NOT NULL DEFAULT false,
    resolved_at timestamptz,
    resolved_by uuid REFERENCES users (id) ON UPDATE CASCADE ON DELETE SET NULL
);

-- The desk's list, newest first, and the monitoring query for the size of the queue.
CREATE INDEX notification_dlq_unresolved_idx ON notification_dlq (tenant_id, moved_to_dlq_at) WHERE NOT resolved;
CREATE INDEX notification_dlq_moved_idx ON notification_dlq (moved_to_dlq_at);
-- Erasing a person looks here for what they resolved.
CREATE INDEX notification_dlq_resolved_by_idx ON notification_dlq (resolved_by) WHERE resolved_by IS NOT NULL;

-- What providers told us later: each event once, by its own id at the provider.
CREATE TABLE email_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL,
    -- NULL when the event names a message that is not ours or is already gone.
    notification_id uuid,
    message_type text NOT NULL CHECK (message_type IN ('email', 'sms', 'push', 'in_app', 'chat')),
    provider varchar(50) NOT NULL,
    event text NOT NULL CHECK (event IN (
        'processed', 'deferred', 'delivered', 'bounce', 'dropped', 'open', 'click', 'complaint', 'unsubscribe',
        'undelivered')),
    event_id varchar(255) NOT NULL,
    recipient text,
    provider_message_id text,
    detail text,
    raw jsonb,
    occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT email_logs_event_key UNIQUE (provider, event_id)
);

-- The timeline of one notification; retention by range of ids.
CREATE INDEX email_logs_notification_idx ON email_logs (notification_id);

RESET search_path;
