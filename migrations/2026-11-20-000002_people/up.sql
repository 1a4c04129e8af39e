SET search_path TO notification_schema;

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name varchar(100) NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Where a message without `tenant_id` belongs.
INSERT INTO tenants (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'default');

-- What a publisher may name as `category`; one that is not here has the defaults.
CREATE TABLE categories (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name varchar(100) NOT NULL,
    may_disable boolean NOT NULL DEFAULT true,
    over_cap text NOT NULL DEFAULT 'cancel' CHECK (over_cap IN ('cancel', 'defer')),
    -- NULL leaves it to the channel's setting.
    on_unknown text CHECK (on_unknown IN ('retry', 'fail_over')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);

-- People. E-mail and username may be absent for those known by phone or device only.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE RESTRICT,
    external_id varchar(255),
    email varchar(255),
    username varchar(100),
    name varchar(120),
    phone varchar(30),
    timezone varchar(50),
    locale varchar(35),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

-- Unique among those who are not deleted, so that an address can be used again. Mail systems treat
-- upper and lower case as one mailbox.
CREATE UNIQUE INDEX users_email_key ON users (tenant_id, lower(email)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_username_key ON users (tenant_id, username) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_external_id_key ON users (tenant_id, external_id) WHERE deleted_at IS NULL;

-- Push tokens. A token is one app on one phone: when another person signs in there, it moves.
CREATE TABLE user_devices (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    token text NOT NULL CHECK (octet_length(token) BETWEEN 1 AND 2048),
    platform text NOT NULL CHECK (platform IN ('android', 'ios', 'web')),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    invalidated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_devices_token_key UNIQUE (tenant_id, token)
);

-- A person's devices; not only the live ones, because erasing the person looks for all.
CREATE INDEX user_devices_user_idx ON user_devices (user_id);

-- A wish for one channel, one category over all channels, one category on one channel, or (neither
-- named) for everything. Without a person it is the tenant's default for all its people. No time
-- zone means the person's own, else UTC: a default here would outlive the person's move.
CREATE TABLE notification_preferences (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    user_id uuid REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    channel text CHECK (channel IN ('email', 'sms', 'push', 'in_app', 'chat')),
    category varchar(100),
    enabled boolean NOT NULL DEFAULT true,
    frequency_cap integer CHECK (frequency_cap >= 0),
    quiet_hours_start time,
    quiet_hours_end time,
    quiet_hours_days text[] CHECK (quiet_hours_days <@ ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']),
    timezone varchar(50),
    preferences jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- One wish a scope; also finds all wishes of a person, which two partial indexes would not.
    CONSTRAINT notification_preferences_scope_key 
        UNIQUE NULLS NOT DISTINCT (user_id, tenant_id, channel, category),
    CONSTRAINT notification_preferences_quiet_hours_check
        CHECK ((quiet_hours_start IS NULL) = (quiet_hours_end IS NULL))
);

-- Addresses that nothing may be sent to. An e-mail address stands here in lower case.
CREATE TABLE suppressions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    channel text NOT NULL CHECK (channel IN ('email', 'sms', 'push', 'in_app', 'chat')),
    address text NOT NULL CHECK (octet_length(address) BETWEEN 1 AND 2048),
    reason text NOT NULL CHECK (reason IN ('hard_bounce', 'complaint', 'stop', 'unsubscribe', 'manual')),
    since timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT suppressions_address_key UNIQUE (tenant_id, channel, address)
);

CREATE TRIGGER touch BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON categories FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON user_devices FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON notification_preferences FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON suppressions FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

RESET search_path;
