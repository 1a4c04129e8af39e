SET search_path TO notification_schema;

-- What is still to follow from events:
--   awaits_outcome  it is about a notification that somebody has in hand: what follows for it follows once its
--                   outcome is stored.
--   is_doubted      too many addresses were called dead at once: what it says of one is judged again later.
ALTER TABLE email_logs
    ADD COLUMN awaits_outcome boolean NOT NULL DEFAULT false,
    ADD COLUMN is_doubted boolean NOT NULL DEFAULT false;

CREATE INDEX email_logs_awaiting_idx ON email_logs (created_at, id) WHERE awaits_outcome;
CREATE INDEX email_logs_doubted_idx ON email_logs (provider, created_at) WHERE is_doubted;
-- Whoever looks for early events goes on where they were.
DROP INDEX email_logs_early_idx;
CREATE INDEX email_logs_early_idx ON email_logs (created_at, id)
    WHERE tenant_id IS NULL AND notification_id IS NOT NULL;

-- What was sent to a person last, and by `to` to an address, of at most 200: for events without an id. By a range of one
-- the index by person or address gives the order, and the primary key cannot; without sorting, nothing is read but these.
CREATE FUNCTION last_to_person(person uuid, since uuid, until uuid)
RETURNS TABLE (id uuid, message_type text, provider text, recipient text, status text, provider_message_id text)
LANGUAGE plpgsql STABLE SET search_path = notification_schema SET enable_sort = off AS $$
BEGIN
    RETURN QUERY SELECT n.id, n.message_type, n.provider, n.recipient, n.status, n.provider_message_id
        FROM notifications n
        WHERE n.user_id BETWEEN person AND person AND n.id >= since AND n.id < until
        ORDER BY n.user_id DESC, n.id DESC LIMIT 200;
END $$;

CREATE FUNCTION last_by_to(address text, since uuid, until uuid)
RETURNS TABLE (id uuid, message_type text, provider text, recipient text, status text, provider_message_id text)
LANGUAGE plpgsql STABLE SET search_path = notification_schema SET enable_sort = off AS $$
BEGIN
    RETURN QUERY SELECT n.id, n.message_type, n.provider, n.recipient, n.status, n.provider_message_id
        FROM notifications n
        WHERE n.recipient BETWEEN address AND address AND n.payload ->> 'to' IS NOT NULL
          AND n.message_type IN ('email', 'sms') AND n.id >= since AND n.id < until
        ORDER BY n.recipient DESC, n.id DESC LIMIT 200;
END $$;

RESET search_path;
