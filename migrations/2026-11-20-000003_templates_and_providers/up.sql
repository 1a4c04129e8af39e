SET search_path TO notification_schema;

-- A template is a name, a channel and a language; it has versions, of which one is used.
CREATE TABLE notification_templates (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name varchar(100) NOT NULL,
    message_type text NOT NULL CHECK (message_type IN ('email', 'sms', 'push', 'in_app', 'chat')),
    locale varchar(35) NOT NULL DEFAULT 'en',
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    subject text,
    title text,
    body text NOT NULL,
    html text,
    variables jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(variables) = 'array'),
    is_active boolean NOT NULL DEFAULT true,
    -- Absent for what `herald apply` wrote.
    created_by uuid REFERENCES users (id) ON UPDATE CASCADE ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT notification_templates_version_key UNIQUE (tenant_id, name, message_type, locale, version)
);

CREATE UNIQUE INDEX notification_templates_active_key
    ON notification_templates (tenant_id, name, message_type, locale)
    WHERE is_active AND deleted_at IS NULL;

-- Erasing a person looks here for what they wrote.
CREATE INDEX notification_templates_created_by_idx ON notification_templates (created_by)
    WHERE created_by IS NOT NULL;

-- Accounts at providers. They belong to the whole engine and serve every tenant, so this table has
-- no `tenant_id`. Sealed columns hold key id, nonce and ciphertext; `config_json` is sealed as a
-- whole, because which of its fields are secret differs by kind.
CREATE TABLE provider_configs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    provider_name varchar(50) NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sendgrid', 'smtp', 'twilio', 'fcm', 'slack')),
    channel text NOT NULL CHECK (channel IN ('email', 'sms', 'push', 'in_app', 'chat')),
    api_key bytea,
    api_secret bytea,
    config_json bytea,
    is_active boolean NOT NULL DEFAULT true,
    rate_limit integer CHECK (rate_limit > 0),
    timeout_seconds integer NOT NULL DEFAULT 30 CHECK (timeout_seconds > 0),
    priority integer NOT NULL DEFAULT 0,
    weight integer NOT NULL DEFAULT 1 CHECK (weight > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE UNIQUE INDEX provider_configs_name_key ON provider_configs (provider_name) WHERE deleted_at IS NULL;

CREATE TRIGGER touch BEFORE UPDATE ON notification_templates FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON provider_configs FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

RESET search_path;
