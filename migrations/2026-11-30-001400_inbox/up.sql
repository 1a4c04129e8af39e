SET search_path TO notification_schema;

-- Inboxes. They outlive the partitions of `notifications`, so that what they show is stored here.

-- A person who has an inbox. Whoever changes something of it holds this row until the commit, so that the order of
-- sequences is the order of commits.
--   last_sequence  is the number of the last change.
--   taken_up_to    is the last broadcast of the tenant that the person's inbox has taken up.
CREATE TABLE inbox_readers (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    last_sequence bigint NOT NULL DEFAULT 0,
    taken_up_to bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- What is in whose inbox, and what its person did with it: a row for each notification and reader.
--   id            is the notification's; with the person beside it, for a broadcast has many readers.
--   arrival       is the sequence with which it was delivered, and again when it came back from a snooze.
--   sequence      is that of its last change. A stream that goes on behind a sequence reads what has a higher one.
--   delivered_at  is when it was delivered, and again when it came back: lists are in its order.
--   is_broadcast  says that its content stands in `inbox_broadcasts`.
--   first_read_at stays when it is marked as unread: it is told of once.
--   pressed       are the actions that were pressed, each with its time.
CREATE TABLE inbox_items (
    id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    arrival bigint NOT NULL,
    sequence bigint NOT NULL,
    is_broadcast boolean NOT NULL DEFAULT false,
    delivered_at timestamptz NOT NULL,
    expires_at timestamptz,
    category text,
    tags text[] NOT NULL DEFAULT '{}',
    title text,
    body text,
    url text,
    data jsonb,
    actions jsonb,
    source_type varchar(50),
    source_id varchar(255),
    seen_at timestamptz,
    read_at timestamptz,
    first_read_at timestamptz,
    interacted_at timestamptz,
    archived_at timestamptz,
    deleted_at timestamptz,
    snoozed_until timestamptz,
    pressed jsonb,
    -- In order of time: retention goes along it, and a new row meets its neighbours.
    PRIMARY KEY (id, user_id),
    CONSTRAINT inbox_items_read_check CHECK (read_at IS NULL OR seen_at IS NOT NULL)
);

-- A person's list, newest first, and erasing them.
CREATE INDEX inbox_items_user_idx ON inbox_items (user_id, delivered_at);
-- What has changed since a sequence: the stream.
CREATE UNIQUE INDEX inbox_items_sequence_key ON inbox_items (user_id, sequence);
-- Two counts and two lists, asked for with every page of a product.
CREATE INDEX inbox_items_unread_idx ON inbox_items (user_id, delivered_at)
    WHERE read_at IS NULL AND archived_at IS NULL AND deleted_at IS NULL AND snoozed_until IS NULL;
CREATE INDEX inbox_items_unseen_idx ON inbox_items (user_id, delivered_at)
    WHERE seen_at IS NULL AND archived_at IS NULL AND deleted_at IS NULL AND snoozed_until IS NULL;
CREATE INDEX inbox_items_archived_idx ON inbox_items (user_id, delivered_at)
    WHERE archived_at IS NOT NULL AND deleted_at IS NULL AND snoozed_until IS NULL;
-- What wakes up, what has expired.
CREATE INDEX inbox_items_snoozed_idx ON inbox_items (snoozed_until) WHERE snoozed_until IS NOT NULL;
CREATE INDEX inbox_items_expiring_idx ON inbox_items (expires_at) WHERE expires_at IS NOT NULL;

-- The number of a tenant's last broadcast. Who writes one holds the row until the commit.
CREATE TABLE inbox_tenants (
    tenant_id uuid PRIMARY KEY REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    last_sequence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- What is for all people of a tenant, one row each. A reader's inbox takes it up when they look.
CREATE TABLE inbox_broadcasts (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    sequence bigint NOT NULL,
    delivered_at timestamptz NOT NULL,
    expires_at timestamptz,
    category text,
    tags text[] NOT NULL DEFAULT '{}',
    title text,
    body text,
    url text,
    data jsonb,
    actions jsonb,
    source_type varchar(50),
    source_id varchar(255)
);

CREATE UNIQUE INDEX inbox_broadcasts_sequence_key ON inbox_broadcasts (tenant_id, sequence);

GRANT SELECT, INSERT, UPDATE, DELETE ON inbox_readers, inbox_items, inbox_tenants, inbox_broadcasts
    TO herald_notifications;

RESET search_path;
