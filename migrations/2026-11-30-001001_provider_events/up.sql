SET search_path TO notification_schema;

-- What providers tell later comes in by HTTP, and something follows from it.
--   tenant_id   NULL is an event of which no notification is known: one that is not ours, or is gone, or whose
--               row is not there yet; then `notification_id` is what it names, and it is looked at again.
--   code        is the provider's code; `detail` its words.
--   matched_by  is by what it is known which notification it is about.
--   blame       is whom a failure is about, as the provider's parser read it.
ALTER TABLE email_logs
    ALTER COLUMN tenant_id DROP NOT NULL,
    ADD COLUMN code varchar(64),
    ADD COLUMN matched_by text CHECK (matched_by IN ('id', 'return_path', 'message_id', 'address')),
    ADD COLUMN blame text CHECK (blame IN ('dead', 'complained', 'unsubscribed', 'stopped', 'way')),
    DROP CONSTRAINT email_logs_event_check,
    ADD CONSTRAINT email_logs_event_check CHECK (event IN (
        'processed', 'deferred', 'delivered', 'bounce', 'soft_bounce', 'block', 'dropped', 'open', 'machine_open',
        'click', 'complaint', 'unsubscribe', 'resubscribe', 'undelivered', 'other', 'unreadable'));

-- Events whose notification has no row yet: its first outcome is being stored.
CREATE INDEX email_logs_early_idx ON email_logs (created_at)
    WHERE tenant_id IS NULL AND notification_id IS NOT NULL;
-- Events of no notification: shown to operators, and found by address when a person is erased.
CREATE INDEX email_logs_unmatched_idx ON email_logs (id) WHERE notification_id IS NULL;
CREATE INDEX email_logs_nobodys_idx ON email_logs (recipient) WHERE notification_id IS NULL;
-- Whether somebody subscribed again after they had unsubscribed, or the other way round; how often a mailbox was full.
CREATE INDEX email_logs_wishes_idx ON email_logs (recipient, occurred_at)
    WHERE event IN ('soft_bounce', 'unsubscribe', 'resubscribe');

-- An event without our id is about the last that was sent to its address, whosever it is.
CREATE INDEX users_email_idx ON users (lower(email)) WHERE deleted_at IS NULL;
CREATE INDEX users_phone_idx ON users (phone) WHERE deleted_at IS NULL;

RESET search_path;
