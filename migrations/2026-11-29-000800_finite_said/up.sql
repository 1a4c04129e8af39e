SET search_path TO notification_schema;

-- A moment that no client reads (infinity, or a year beyond 9999) makes a person unreadable, and a moment that
-- never comes makes all that is said later an older word.
UPDATE users SET recipient_as_of = now()
WHERE NOT (recipient_as_of >= '0001-01-01Z' AND recipient_as_of < '9999-12-30Z');

ALTER TABLE users ADD CONSTRAINT users_readable_as_of_check
    CHECK (recipient_as_of >= '0001-01-01Z' AND recipient_as_of < '9999-12-30Z');

RESET search_path;
