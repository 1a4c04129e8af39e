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
--   is_due_soon       says that four fifths of a clock have passed, and were told.
--   is_overdue        says that a clock has run out, and was told.
--   first_response_kept, resolution_kept
--                     say whether it was done in time; null while nobody knows, or where there is no target.
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
    is_due_soon boolean NOT NULL DEFAULT false,
    is_overdue boolean NOT NULL DEFAULT false,
    first_response_kept boolean,
    resolution_kept boolean,
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

-- Lists, the newest first. The report reads nothing but the first: ids rise with the time at which they are made.
CREATE INDEX support_tickets_tenant_idx ON support_tickets (tenant_id, id)
    INCLUDE (category, priority, created_at, first_responded_at, resolved_at, closed_at, first_response_due_at,
        resolution_due_at, first_response_kept, resolution_kept)
    WHERE deleted_at IS NULL;
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

-- How many tickets stand where: the sum of `change` by tenant and status. Who changes a ticket adds a row, and waits for
-- nobody; the clocks' turn puts rows together.
CREATE TABLE ticket_tally (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    status text NOT NULL CHECK (status = ANY (ARRAY['open', 'in_progress', 'waiting', 'resolved', 'closed'])),
    change bigint NOT NULL
);

-- Statements, and not rows: many tickets may be changed at once.
CREATE FUNCTION tally_tickets() RETURNS trigger LANGUAGE plpgsql SET search_path = ticket_schema, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO ticket_tally (tenant_id, status, change)
            SELECT tenant_id, status, count(*) FROM written WHERE deleted_at IS NULL GROUP BY 1, 2;
    ELSE
        INSERT INTO ticket_tally (tenant_id, status, change)
            SELECT tenant_id, status, sum(change) FROM (
                SELECT n.tenant_id, n.status, 1 AS change FROM written n WHERE n.deleted_at IS NULL
                UNION ALL
                SELECT o.tenant_id, o.status, -1 FROM before o WHERE o.deleted_at IS NULL
            ) moved GROUP BY 1, 2 HAVING sum(change) <> 0;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER support_tickets_made AFTER INSERT ON support_tickets
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION tally_tickets();
CREATE TRIGGER support_tickets_moved AFTER UPDATE ON support_tickets
    REFERENCING OLD TABLE AS before NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION tally_tickets();

-- The conversation.
--   is_internal   is for staff alone.
--   is_automatic  was written by a machine: it answers nothing, and reopens nothing.
--   is_of_stranger  came by a mail of somebody who is not known to be of the ticket.
--   mail_from     is the address of that mail: its sender is erased by it.
CREATE TABLE ticket_comments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    ticket_id uuid NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
    author_id uuid NOT NULL,
    comment text NOT NULL,
    is_internal boolean NOT NULL DEFAULT false,
    is_automatic boolean NOT NULL DEFAULT false,
    is_of_stranger boolean NOT NULL DEFAULT false,
    mail_from varchar(320),
    created_at timestamptz NOT NULL
);
CREATE INDEX ticket_comments_ticket_idx ON ticket_comments (ticket_id, id);
CREATE INDEX ticket_comments_author_idx ON ticket_comments (tenant_id, author_id);
CREATE INDEX ticket_comments_mail_from_idx ON ticket_comments (mail_from) WHERE mail_from IS NOT NULL;

-- Files. A row is written once its object is whole; the object's name is `tenant_id/ticket_id/id`.
--   comment_id    is the comment that it came with.
--   content_type  is what its first bytes say that it is, as far as they say anything.
--   is_internal   is for staff alone.
CREATE TABLE ticket_attachments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    ticket_id uuid NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
    comment_id uuid REFERENCES ticket_comments (id) ON DELETE SET NULL,
    author_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    content_type varchar(255) NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    is_internal boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);
CREATE INDEX ticket_attachments_ticket_idx ON ticket_attachments (ticket_id, id);
CREATE INDEX ticket_attachments_author_idx ON ticket_attachments (tenant_id, author_id);
CREATE INDEX ticket_attachments_comment_idx ON ticket_attachments (comment_id) WHERE comment_id IS NOT NULL;

-- Objects that no row keeps: those that are being written, and those that are to go. Whoever removes an object holds its
-- row here; whoever writes the row of a file takes it from here.
CREATE TABLE loose_objects (
    object text PRIMARY KEY,
    due_at timestamptz NOT NULL
);
CREATE INDEX loose_objects_due_idx ON loose_objects (due_at);

-- The object of a file whose row goes is loose, whoever removes the row, and with what: a ticket, a person, or alone.
CREATE FUNCTION loosen_objects() RETURNS trigger LANGUAGE plpgsql SET search_path = ticket_schema, pg_temp AS $$
BEGIN
    INSERT INTO loose_objects (object, due_at)
        SELECT format('%s/%s/%s', g.tenant_id, g.ticket_id, g.id), clock_timestamp() FROM gone g
        ON CONFLICT (object) DO UPDATE SET due_at = EXCLUDED.due_at;
    RETURN NULL;
END
$$;
CREATE TRIGGER ticket_attachments_gone AFTER DELETE ON ticket_attachments
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION loosen_objects();

-- Mails that were taken, for some weeks: each once, wherever it came. `mail` is a hash of its Message-ID; `sender_id` is nil
-- where nobody of the ticket sent it.
CREATE TABLE received_mails (
    tenant_id uuid NOT NULL,
    mail bytea NOT NULL,
    ticket_id uuid NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
    sender_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, mail)
);
CREATE INDEX received_mails_ticket_idx ON received_mails (ticket_id, sender_id, received_at);
CREATE INDEX received_mails_received_idx ON received_mails (received_at);

-- What was done to a ticket, by whom: rows are added, and never changed. Clocks are computed from it.
CREATE TABLE ticket_history (
    ticket_id uuid NOT NULL REFERENCES support_tickets (id) ON DELETE CASCADE,
    sequence integer NOT NULL,
    tenant_id uuid NOT NULL,
    deed text NOT NULL CHECK (deed = ANY (ARRAY['created', 'changed', 'assigned', 'replied', 'noted', 'status_changed',
        'escalated', 'due_soon', 'overdue', 'merged', 'attached', 'detached', 'deleted'])),
    actor_id uuid,
    at timestamptz NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (ticket_id, sequence)
);
-- What somebody did, when they are erased.
CREATE INDEX ticket_history_actor_idx ON ticket_history (tenant_id, actor_id) WHERE actor_id IS NOT NULL;

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

-- Calls that named a key, for a day: the same call again finds what it did, and does nothing.
--   caller   is the person whose token it was; the nil UUID is any server of the tenant's.
--   content  is the SHA-256 of the path and of what was sent; behind it, of a file, that of its bytes.
CREATE TABLE ticket_calls (
    tenant_id uuid NOT NULL,
    caller uuid NOT NULL,
    key varchar(255) NOT NULL,
    content bytea NOT NULL,
    ticket_id uuid,
    comment_id uuid,
    attachment_id uuid,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, caller, key)
);
CREATE INDEX ticket_calls_made_idx ON ticket_calls (made_at);

-- Categories whose rules have changed: the clocks of their tickets are computed anew, a part at a time.
CREATE TABLE clock_recounts (
    tenant_id uuid NOT NULL,
    category varchar(100) NOT NULL,
    after uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, category)
);

-- Who changed the staff and the categories, and what was done to tickets by operators: rows are added, and never changed.
--   actor    is the API key by which it was done, or the person.
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

-- What a line of a history says, without what somebody wrote. That a text was changed stays, and not from what to what.
CREATE FUNCTION without_words(details jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = ticket_schema, pg_temp AS $$
    SELECT CASE WHEN details->'changes' IS NULL THEN details - 'reason'
        ELSE jsonb_set(details - 'reason', '{changes}', (
            SELECT coalesce(jsonb_object_agg(c.key,
                CASE WHEN c.key IN ('priority', 'category', 'followers') THEN c.value ELSE '{}'::jsonb END), '{}')
            FROM jsonb_each(details->'changes') c)) END
$$;

-- Forgets what came by mails from an address, which nobody of the ticket had, to every tenant or to one, and says how many
-- comments that were: their texts, which begin with the address, and their files.
CREATE FUNCTION erase_sender(whose uuid, address text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ticket_schema, pg_temp AS $$
DECLARE
    written uuid[];
BEGIN
    SELECT coalesce(array_agg(c.id), '{}') INTO written FROM ticket_comments c
        WHERE c.mail_from = address AND (whose IS NULL OR c.tenant_id = whose);
    DELETE FROM ticket_attachments a WHERE a.comment_id = ANY (written);
    UPDATE ticket_comments c SET comment = '', mail_from = NULL WHERE c.id = ANY (written);
    RETURN cardinality(written);
END
$$;
REVOKE ALL ON FUNCTION erase_sender FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_sender TO herald_tickets;

-- Forgets a person, of every tenant or of one, and says in how many tickets and rows of the staff they were. What they
-- asked for is emptied, and keeps its number and its id; what they wrote and did elsewhere loses its author, and its text
-- unless they are of the staff, who write for the tenant: in comments, histories and events that were not yet published.
-- Nobody is the nil UUID. Where a history says to whom a ticket was given, their bare id names nobody any more.
-- The role of the desk may not change or remove such rows: only this does.
CREATE FUNCTION erase_person(whose uuid, person uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ticket_schema, pg_temp AS $$
DECLARE
    nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    tenants uuid[];
    own uuid[];
    touched uuid[];
    hired bigint;
    written bigint;
    removed bigint;
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

    DELETE FROM outbox o WHERE o.ticket_id = ANY (own)
        OR (o.body::jsonb->'data'->>'author_id' = person::text AND (o.body::jsonb->>'tenantid')::uuid = ANY (tenants)
            AND NOT EXISTS (SELECT FROM staff s
                WHERE s.tenant_id = (o.body::jsonb->>'tenantid')::uuid AND s.id = person));
    UPDATE outbox o SET body = replace(o.body, person::text, nobody::text)
        WHERE strpos(o.body, person::text) > 0 AND (o.body::jsonb->>'tenantid')::uuid = ANY (tenants);
    -- Files of theirs, and on what they asked for; their objects follow.
    DELETE FROM ticket_attachments a WHERE a.id IN (
        SELECT f.id FROM ticket_attachments f WHERE f.ticket_id = ANY (own)
        UNION ALL
        SELECT f.id FROM ticket_attachments f WHERE f.tenant_id = ANY (tenants) AND f.author_id = person
            AND NOT EXISTS (SELECT FROM staff s WHERE s.tenant_id = f.tenant_id AND s.id = person));
    GET DIAGNOSTICS removed = ROW_COUNT;
    UPDATE ticket_attachments a SET author_id = nobody
        WHERE a.tenant_id = ANY (tenants) AND a.author_id = person;
    DELETE FROM ticket_comments c WHERE c.ticket_id = ANY (own);
    DELETE FROM ticket_calls c WHERE c.ticket_id = ANY (own) OR c.caller = person;
    DELETE FROM ticket_history h WHERE h.ticket_id = ANY (own);
    DELETE FROM received_mails m WHERE m.ticket_id = ANY (own);
    UPDATE received_mails m SET sender_id = nobody WHERE m.tenant_id = ANY (tenants) AND m.sender_id = person;
    -- What somebody wrote over stands in the line of whoever wrote over it as well.
    UPDATE ticket_history h SET details = without_words(h.details)
        WHERE h.deed = 'changed' AND h.ticket_id IN (
            SELECT l.ticket_id FROM ticket_history l
            WHERE l.tenant_id = ANY (tenants) AND l.actor_id = person AND l.deed = 'changed'
                AND NOT EXISTS (SELECT FROM staff s WHERE s.tenant_id = l.tenant_id AND s.id = person));
    UPDATE ticket_history h SET actor_id = nobody,
        details = CASE WHEN EXISTS (SELECT FROM staff s WHERE s.tenant_id = h.tenant_id AND s.id = person)
            THEN h.details ELSE without_words(h.details) END
        WHERE h.tenant_id = ANY (tenants) AND h.actor_id = person;
    UPDATE support_tickets t SET subject = '', description = '', requester_id = nobody, assignee_id = NULL,
        followers = '{}', location = NULL, metadata = '{}', resolution_notes = NULL, status = 'closed',
        first_response_due_at = NULL, next_response_due_at = NULL, resolution_due_at = NULL, due_at = NULL,
        look_at = NULL, is_due_soon = false, is_overdue = false, version = t.version + 1, deleted_at = now(), updated_at = now()
        WHERE t.id = ANY (own);
    INSERT INTO ticket_history (ticket_id, sequence, tenant_id, deed, at, details)
        SELECT t.id, (SELECT max(h.sequence) + 1 FROM ticket_history h WHERE h.ticket_id = t.id), t.tenant_id,
            'assigned', now(), jsonb_build_object('from', nobody, 'to', NULL)
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
    RETURN cardinality(own) + cardinality(touched) + written + removed + hired;
END
$$;
REVOKE ALL ON FUNCTION erase_person FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_person TO herald_tickets;

GRANT SELECT, INSERT, UPDATE ON ticket_numbers, support_tickets TO herald_tickets;
GRANT SELECT, INSERT ON ticket_comments, ticket_history, desk_changes TO herald_tickets;
GRANT SELECT, INSERT, UPDATE, DELETE ON staff, ticket_categories, service_targets, service_hours, service_holidays,
    category_assignments, clock_recounts, loose_objects, ticket_calls TO herald_tickets;
GRANT SELECT, INSERT, DELETE ON ticket_attachments, received_mails TO herald_tickets;
GRANT SELECT, INSERT, DELETE ON outbox, ticket_tally TO herald_tickets;

RESET search_path;
