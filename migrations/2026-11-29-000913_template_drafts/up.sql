SET search_path TO notification_schema;

-- What is to become the next version of a template. Nothing is rendered from it but a preview.
CREATE TABLE template_drafts (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name varchar(100) NOT NULL,
    message_type text NOT NULL CHECK (message_type IN ('email', 'sms', 'push', 'in_app', 'chat')),
    locale varchar(35) NOT NULL,
    subject text,
    title text,
    body text NOT NULL,
    html text,
    variables jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(variables) = 'array'),
    -- Names of the templates that its texts include.
    includes text[] NOT NULL DEFAULT '{}',
    -- An API key's id.
    saved_by varchar(100) NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name, message_type, locale)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON template_drafts TO herald_notifications;

-- A version is rendered from its texts, in which every include is replaced by the text that it stands for.
--   written       is the texts as they were written, where they include others.
--   includes      names those.
--   published_by  is an API key's id; NULL for what `herald apply` wrote.
ALTER TABLE notification_templates
    ADD COLUMN written jsonb CHECK (jsonb_typeof(written) = 'object'),
    ADD COLUMN includes text[] NOT NULL DEFAULT '{}',
    ADD COLUMN published_by varchar(100);

-- Publishing asks for what includes a template; few do.
CREATE INDEX notification_templates_including_idx ON notification_templates (tenant_id, message_type)
    WHERE includes <> '{}' AND is_active AND deleted_at IS NULL;

RESET search_path;
