SET search_path TO notification_schema;

-- A queue that is bound to `herald.status` may refuse an event: it comes again later, and holds up only what else
-- there is of its notification.
--   refusals  is how often it was refused.
--   due_at    is when it is tried again; NULL has never been refused.
ALTER TABLE status_outbox
    ADD COLUMN refusals smallint NOT NULL DEFAULT 0,
    ADD COLUMN due_at timestamptz;

-- What comes next, and what comes again.
CREATE INDEX status_outbox_new_idx ON status_outbox (id) WHERE due_at IS NULL;
CREATE INDEX status_outbox_due_idx ON status_outbox (due_at, id) WHERE due_at IS NOT NULL;

RESET search_path;
