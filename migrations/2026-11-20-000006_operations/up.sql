SET search_path TO notification_schema;

CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- Absent for keys made on the command line: the first key is made before there is anybody.
    user_id uuid REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    key_hash varchar(64) NOT NULL CONSTRAINT api_keys_hash_key UNIQUE,
    -- The readable part of the key, so that people can tell keys apart.
    prefix varchar(16) NOT NULL,
    name varchar(100) NOT NULL,
    scopes jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(scopes) = 'array'),
    is_active boolean NOT NULL DEFAULT true,
    -- Requests a minute; NULL is the configured default.
    rate_limit integer CHECK (rate_limit > 0),
    expires_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX api_keys_user_idx ON api_keys (user_id);

-- Counters of a window: requests of an API key. What a person is sent in a day is counted in
-- `frequency_counts`.
CREATE TABLE rate_limits (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL,
    user_id uuid REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    api_key_id uuid REFERENCES api_keys (id) ON UPDATE CASCADE ON DELETE CASCADE,
    limit_type varchar(20) NOT NULL CHECK (limit_type IN ('api', 'notification')),
    channel text CHECK (channel IN ('email', 'sms', 'push', 'in_app', 'chat')),
    category varchar(100),
    window_start timestamptz NOT NULL,
    request_count integer NOT NULL DEFAULT 0 CHECK (request_count >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT rate_limits_window_key UNIQUE NULLS NOT DISTINCT
        (user_id, window_start, limit_type, channel, category, api_key_id)
) WITH (fillfactor = 70);

-- The cascade when a key is removed, and retention.
CREATE INDEX rate_limits_api_key_idx ON rate_limits (api_key_id) WHERE api_key_id IS NOT NULL;
CREATE INDEX rate_limits_window_idx ON rate_limits USING brin (window_start);

-- What a person was sent on a local day, by the scope of the wish that caps it (`channel/category`,
-- `*` for any). The ids are the reservations: committed before sending, taken out when the
-- notification is not sent after all. Their number is the count, so that counting again after a
-- crash finds the id and counts nothing. One narrow row, updated in place.
CREATE TABLE frequency_counts (
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    day date NOT NULL,
    scope text NOT NULL,
    tenant_id uuid NOT NULL,
    notification_ids uuid[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (user_id, day, scope)
) WITH (fillfactor = 50);

-- Retention.
CREATE INDEX frequency_counts_day_idx ON frequency_counts USING brin (day);

-- An account's request rate over all nodes, by the generic cell rate algorithm: the theoretical
-- arrival time of the next request, and until when the provider asked everybody to wait.
CREATE TABLE provider_rates (
    provider_id uuid PRIMARY KEY REFERENCES provider_configs (id) ON UPDATE CASCADE ON DELETE CASCADE,
    tat timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

-- What each run makes of each account's health, for those who ask why; written when it changes.
CREATE TABLE provider_health (
    provider_id uuid NOT NULL REFERENCES provider_configs (id) ON UPDATE CASCADE ON DELETE CASCADE,
    run_id integer NOT NULL,
    state text NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
    since timestamptz NOT NULL DEFAULT now(),
    -- When it may be asked again, while it is open.
    available_at timestamptz,
    -- Why it is open.
    cause text,
    PRIMARY KEY (provider_id, run_id)
);

CREATE TABLE notification_webhooks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- Absent for webhooks of the whole tenant, and for those that `herald apply` wrote.
    user_id uuid REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    url varchar(500) NOT NULL,
    secret_key bytea NOT NULL,
    -- The secret before the last rotation, still signed with until then.
    previous_secret_key bytea,
    previous_secret_until timestamptz,
    events jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(events) = 'array'),
    is_active boolean NOT NULL DEFAULT true,
    retry_count integer NOT NULL DEFAULT 3 CHECK (retry_count >= 0),
    timeout_seconds integer NOT NULL DEFAULT 10 CHECK (timeout_seconds > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE INDEX notification_webhooks_tenant_idx ON notification_webhooks (tenant_id)
    WHERE is_active AND deleted_at IS NULL;
CREATE INDEX notification_webhooks_user_idx ON notification_webhooks (user_id);

-- A delivery is written by the settling transaction, before its first attempt: so the count
-- starts at 0. Not delivered and no next retry means given up.
CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL,
    webhook_id uuid NOT NULL REFERENCES notification_webhooks (id) ON UPDATE CASCADE ON DELETE CASCADE,
    notification_id uuid NOT NULL,
    event_type varchar(50) NOT NULL,
    payload jsonb NOT NULL,
    response_status integer,
    response_body text,
    attempt_count integer NOT NULL DEFAULT 0,
    delivered boolean NOT NULL DEFAULT false,
    delivered_at timestamptz,
    owner integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    next_retry_at timestamptz
);

-- One webhook's deliveries on the desk; the timeline of one notification, and retention by range
-- of ids; what the webhook actor has to send.
CREATE INDEX webhook_deliveries_webhook_idx ON webhook_deliveries (webhook_id, created_at);
CREATE INDEX webhook_deliveries_notification_idx ON webhook_deliveries (notification_id);
CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (next_retry_at) WHERE NOT delivered;

-- Hourly rollups; `hour` NULL is a whole day.
CREATE TABLE notification_metrics (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL,
    date date NOT NULL,
    hour integer CHECK (hour BETWEEN 0 AND 23),
    provider varchar(50) NOT NULL,
    message_type text NOT NULL CHECK (message_type IN ('email', 'sms', 'push', 'in_app', 'chat')),
    total_sent integer NOT NULL DEFAULT 0,
    total_failed integer NOT NULL DEFAULT 0,
    total_pending integer NOT NULL DEFAULT 0,
    delivery_ms_total bigint NOT NULL DEFAULT 0,
    avg_delivery_ms bigint GENERATED ALWAYS AS (delivery_ms_total / NULLIF(total_sent, 0)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notification_metrics_hour_key UNIQUE NULLS NOT DISTINCT (tenant_id, date, hour, provider, message_type)
) WITH (fillfactor = 70);

-- Reports over all tenants. By provider and by channel they read a few days, which this finds.
CREATE INDEX notification_metrics_date_idx ON notification_metrics (date, hour);

-- Who did what, from where; the engine's role may add and read, never change or remove.
CREATE TABLE audit_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL,
    user_id uuid REFERENCES users (id) ON UPDATE CASCADE ON DELETE SET NULL,
    -- The API key's id, or what acted on the command line.
    actor varchar(100),
    action varchar(100) NOT NULL,
    resource_type varchar(50) NOT NULL,
    resource_id varchar(255),
    ip_address varchar(45),
    user_agent text,
    changes jsonb,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX audit_logs_user_idx ON audit_logs (user_id);
CREATE INDEX audit_logs_action_idx ON audit_logs (action);
CREATE INDEX audit_logs_resource_idx ON audit_logs (resource_type, resource_id);
CREATE INDEX audit_logs_created_idx ON audit_logs (tenant_id, created_at);

-- What operators should see: curated, not a log.
CREATE TABLE admin_system_events (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    event_type text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    description text NOT NULL,
    details jsonb,
    tenant_id uuid,
    user_id uuid,
    is_resolved boolean NOT NULL DEFAULT false,
    resolved_at timestamptz,
    resolved_by uuid
);

CREATE INDEX idx_admin_system_events_created ON admin_system_events (created_at DESC);
CREATE INDEX idx_admin_system_events_tenant ON admin_system_events (tenant_id, created_at DESC);
CREATE INDEX idx_admin_system_events_severity ON admin_system_events (severity, created_at DESC);

-- The same trouble is told once until somebody resolves it, however many nodes notice it at once.
CREATE UNIQUE INDEX admin_system_events_open_key
    ON admin_system_events (event_type, tenant_id, (details ->> 'provider')) NULLS NOT DISTINCT
    WHERE NOT is_resolved;

CREATE TRIGGER touch BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON rate_limits FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON notification_webhooks FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

RESET search_path;
