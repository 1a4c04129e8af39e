-- The support desk. Nothing here refers to `notification_schema`, and its role cannot read it: people and tenants
-- are known by their ids alone, and what happens is told as events, by `outbox`.
SET search_path TO ticket_schema;

-- The last number of a tenant's tickets. Who makes a ticket holds the row until the commit: no number is missing.
CREATE TABLE ticket_numbers (
    tenant_id uuid PRIMARY KEY,
    last_number bigint NOT NULL CHECK (last_number > 0)
) WITH (fillfactor = 50);

-- Who works here. The id is the person's, so that events name somebody who can be told.
--   level  is where escalation looks for them: first 1, then 2, then 3.
CREATE TABLE staff (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name varchar(120) NOT NULL,
    role text NOT NULL DEFAULT 'agent' CHECK (role = ANY (ARRAY['agent', 'lead', 'admin'])),
    domain varchar(64),
    level smallint NOT NULL DEFAULT 1 CHECK (level BETWEEN 1 AND 3),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);

-- The rules of tickets of a category, by its name. A ticket may name a category that has none.
--   close_after       is after how many seconds what is resolved is closed.
--   give_up_after     is after how many seconds what waits for its requester is resolved.
CREATE TABLE ticket_categories (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name varchar(100) NOT NULL,
    description text,
    is_active boolean NOT NULL DEFAULT true,
    close_after bigint CHECK (close_after > 0),
    give_up_after bigint CHECK (give_up_after > 0),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id),
    CONSTRAINT ticket_categories_name_key UNIQUE (tenant_id, name)
);

-- Within how many seconds of service a ticket of this priority is answered, answered again, and resolved.
CREATE TABLE service_targets (
    category_id uuid NOT NULL REFERENCES ticket_categories (id) ON DELETE CASCADE,
    priority text NOT NULL CHECK (priority = ANY (ARRAY['urgent', 'high', 'normal', 'low'])),
    first_response bigint CHECK (first_response > 0),
    next_response bigint CHECK (next_response > 0),
    resolution bigint CHECK (resolution > 0),
    PRIMARY KEY (category_id, priority)
);

-- When there is service: a row for each window of a week's day, in minutes of the local day.
CREATE TABLE service_hours (
    category_id uuid PRIMARY KEY REFERENCES ticket_categories (id) ON DELETE CASCADE,
    time_zone text NOT NULL,
    windows jsonb NOT NULL
);
CREATE TABLE service_holidays (
    category_id uuid NOT NULL REFERENCES service_hours (category_id) ON DELETE CASCADE,
    day date NOT NULL,
    PRIMARY KEY (category_id, day)
);

-- Who may be given tickets of a category: one of them first.
CREATE TABLE category_assignments (
    category_id uuid NOT NULL REFERENCES ticket_categories (id) ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    is_primary boolean NOT NULL DEFAULT false,
    priority integer NOT NULL DEFAULT 0,
    PRIMARY KEY (category_id, staff_id),
    FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX category_assignments_primary_key ON category_assignments (category_id) WHERE is_primary;
CREATE INDEX category_assignments_staff_idx ON category_assignments (tenant_id, staff_id);

-- Tickets.
--   number            is for people; the id is for machines.
--   version           counts changes: the ETag.
--   public_*          is the same for whoever asked: what is for staff alone is no change to them.
--   due_at            is the earliest time at which a clock that runs is due; null when none does.
--   look_at           is when the clocks are to be looked at next.
--   is_overdue        says that a clock has run out, and was told.
--   merged_into       is the ticket that goes on with it.
--   search            is what the text search looks through.
CREATE TABLE support_tickets (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    number bigint NOT NULL,
    subject varchar(255) NOT NULL,
    description text NOT NULL,
    status text NOT NULL DEFAULT 'open'
        CHECK (status = ANY (ARRAY['open', 'in_progress', 'waiting', 'resolved', 'closed'])),
    priority text NOT NULL DEFAULT 'normal' CHECK (priority = ANY (ARRAY['urgent', 'high', 'normal', 'low'])),
    category varchar(100),
    requester_id uuid NOT NULL,
    assignee_id uuid,
    followers uuid[] NOT NULL DEFAULT '{}',
    location varchar(255),
    metadata jsonb NOT NULL DEFAULT '{}',
    version bigint NOT NULL DEFAULT 1,
    public_version bigint NOT NULL DEFAULT 1,
    escalation_level smallint NOT NULL DEFAULT 0 CHECK (escalation_level BETWEEN 0 AND 3),
    last_escalation_at timestamptz,
    first_response_due_at timestamptz,
    next_response_due_at timestamptz,
    resolution_due_at timestamptz,
    due_at timestamptz,
    look_at timestamptz,
    is_overdue boolean NOT NULL DEFAULT false,
    first_responded_at timestamptz,
    resolved_at timestamptz,
    closed_at timestamptz,
    resolution_notes text,
    merged_into uuid REFERENCES support_tickets (id),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    public_updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    search tsvector NOT NULL
        GENERATED ALWAYS AS (to_tsvector('simple', subject || ' ' || left(description, 100000))) STORED,
    CONSTRAINT support_tickets_number_key UNIQUE (tenant_id, number)
) WITH (fillfactor = 80);

-- Lists, the newest first.
CREATE INDEX support_tickets_tenant_idx ON support_tickets (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX support_tickets_status_idx ON support_tickets (tenant_id, status, id) WHERE deleted_at IS NULL;
CREATE INDEX support_tickets_assignee_idx ON support_tickets (tenant_id, assignee_id, status, id)
    WHERE deleted_at IS NULL;
CREATE INDEX support_tickets_own_idx ON support_tickets (tenant_id, assignee_id, id) WHERE deleted_at IS NULL;
CREATE INDEX support_tickets_priority_idx ON support_tickets (tenant_id, priority, id) WHERE deleted_at IS NULL;
CREATE INDEX support_tickets_requester_idx ON support_tickets (tenant_id, requester_id, id);
CREATE INDEX support_tickets_category_idx ON support_tickets (tenant_id, category, id) WHERE deleted_at IS NULL;
CREATE INDEX support_tickets_overdue_idx ON support_tickets (tenant_id, id) WHERE is_overdue AND deleted_at IS NULL;
CREATE INDEX support_tickets_metadata_idx ON support_tickets USING gin (metadata jsonb_path_ops);
CREATE INDEX support_tickets_search_idx ON support_tickets USING gin (search);
-- The clock's picker.
CREATE INDEX support_tickets_look_idx ON support_tickets (look_at) WHERE look_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX support_tickets_merged_idx ON support_tickets (merged_into) WHERE merged_into IS NOT NULL;
-- Whom they follow, when a person is erased.
CREATE INDEX support_tickets_followers_idx ON support_tickets USING gin (followers) WHERE followers <> '{}';

-- The conversation.
--   is_internal   is for staff alone.
--   is_automatic  was written by a machine: it answers nothing, and reopens nothing.
CREATE TABLE ticket_comments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    ticket_id uuid NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
    author_id uuid NOT NULL,
    comment text NOT NULL,
    is_internal boolean NOT NULL DEFAULT false,
    is_automatic boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);
CREATE INDEX ticket_comments_ticket_idx ON ticket_comments (ticket_id, id);
CREATE INDEX ticket_comments_author_idx ON ticket_comments (tenant_id, author_id);

-- What was done to a ticket, by whom: rows are added, and never changed. Clocks are computed from it.
CREATE TABLE ticket_history (
    ticket_id uuid NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
    sequence integer NOT NULL,
    tenant_id uuid NOT NULL,
    deed text NOT NULL CHECK (deed = ANY (ARRAY['created', 'changed', 'assigned', 'replied', 'noted', 'status_changed',
        'escalated', 'due_soon', 'overdue', 'merged', 'attached'])),
    actor_id uuid,
    at timestamptz NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (ticket_id, sequence)
);

-- Events that RabbitMQ has not confirmed. Who writes one holds its ticket's row, so that a ticket's events have
-- rising ids in the order of their commits.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    event_type text NOT NULL,
    body text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);

-- Categories whose rules have changed: the clocks of their tickets are computed anew, a part at a time.
CREATE TABLE clock_recounts (
    tenant_id uuid NOT NULL,
    category varchar(100) NOT NULL,
    after uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, category)
);

-- Who changed the staff and the categories: rows are added, and never changed.
--   actor    is the API key by which it was done.
--   changes  are the fields that differ, as they were (`old`) and as they are (`new`).
CREATE TABLE desk_changes (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    actor text NOT NULL,
    ip_address text,
    request_id uuid,
    action text NOT NULL,
    resource_type text NOT NULL,
    resource_id uuid NOT NULL,
    changes jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX desk_changes_tenant_idx ON desk_changes (tenant_id, id);
CREATE INDEX desk_changes_resource_idx ON desk_changes (tenant_id, resource_id);

-- Forgets a person, of every tenant or of one, and says in how many tickets and rows of the staff they were. What they
-- asked for is emptied, and keeps its number and its id; what they wrote elsewhere loses its author, and its text unless
-- they are of the staff, who write for the tenant. Their bare id in the histories of other tickets names nobody any more.
-- The role of the desk may not remove such rows: only this does.
CREATE FUNCTION erase_person(whose uuid, person uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ticket_schema, pg_temp AS $$
DECLARE
    nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    tenants uuid[];
    own uuid[];
    touched uuid[];
    hired bigint;
    written bigint;
BEGIN
    SELECT coalesce(array_agg(n.tenant_id), '{}') INTO tenants
        FROM ticket_numbers n WHERE whose IS NULL OR n.tenant_id = whose;
    SELECT coalesce(array_agg(t.id), '{}') INTO own FROM support_tickets t
        WHERE t.tenant_id = ANY (tenants) AND t.requester_id = person;
    SELECT coalesce(array_agg(t.id), '{}') INTO touched FROM support_tickets t
        WHERE t.tenant_id = ANY (tenants) AND t.requester_id <> person
          AND (t.assignee_id = person OR (t.followers @> ARRAY[person] AND t.followers <> '{}'));
    -- Whoever changes a ticket holds its row; in the order of their ids, as who merges.
    PERFORM 1 FROM support_tickets t WHERE t.id = ANY (own || touched) ORDER BY t.id FOR UPDATE;

    DELETE FROM outbox o WHERE o.ticket_id = ANY (own) OR o.body::jsonb->'data'->>'author_id' = person::text;
    DELETE FROM ticket_comments c WHERE c.ticket_id = ANY (own);
    DELETE FROM ticket_history h WHERE h.ticket_id = ANY (own);
    UPDATE support_tickets t SET subject = '', description = '', requester_id = nobody, assignee_id = NULL,
        followers = '{}', location = NULL, metadata = '{}', resolution_notes = NULL, status = 'closed',
        first_response_due_at = NULL, next_response_due_at = NULL, resolution_due_at = NULL, due_at = NULL,
        look_at = NULL, is_overdue = false, version = t.version + 1, deleted_at = now(), updated_at = now()
        WHERE t.id = ANY (own);
    INSERT INTO ticket_history (ticket_id, sequence, tenant_id, deed, at, details)
        SELECT t.id, (SELECT max(h.sequence) + 1 FROM ticket_history h WHERE h.ticket_id = t.id), t.tenant_id,
            'assigned', now(), jsonb_build_object('from', person, 'to', NULL)
        FROM support_tickets t WHERE t.id = ANY (touched) AND t.assignee_id = person;
    UPDATE support_tickets t SET followers = array_remove(t.followers, person), version = t.version + 1,
        public_version = t.public_version + 1, assignee_id = nullif(t.assignee_id, person)
        WHERE t.id = ANY (touched);

    UPDATE ticket_comments c SET author_id = nobody,
        comment = CASE WHEN EXISTS (SELECT FROM staff s WHERE s.tenant_id = c.tenant_id AND s.id = person)
            THEN c.comment ELSE '' END
        WHERE c.tenant_id = ANY (tenants) AND c.author_id = person;
    GET DIAGNOSTICS written = ROW_COUNT;
    UPDATE desk_changes d SET changes = '{}'
        WHERE d.resource_id = person AND (whose IS NULL OR d.tenant_id = whose);
    DELETE FROM staff s WHERE s.id = person AND (whose IS NULL OR s.tenant_id = whose);
    GET DIAGNOSTICS hired = ROW_COUNT;
    RETURN cardinality(own) + cardinality(touched) + written + hired;
END
$$;
REVOKE ALL ON FUNCTION erase_person FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_person TO herald_tickets;

GRANT SELECT, INSERT, UPDATE ON ticket_numbers, support_tickets TO herald_tickets;
GRANT SELECT, INSERT ON ticket_comments, ticket_history, desk_changes TO herald_tickets;
GRANT SELECT, INSERT, UPDATE, DELETE ON staff, ticket_categories, service_targets, service_hours, service_holidays,
    category_assignments, clock_recounts TO herald_tickets;
GRANT SELECT, INSERT, DELETE ON outbox TO herald_tickets;

RESET search_path;
