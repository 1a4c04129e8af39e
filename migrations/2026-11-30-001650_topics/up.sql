SET search_path TO notification_schema;

-- A topic: people subscribe to it, and what is sent to it goes to each of them.
--   joined      the number that the last subscriber got. Whoever subscribes somebody counts it up and holds the row until
--               the commit, so that a fan-out which has read it knows who was there before it.
--   deleted_at  is when it was deleted: nothing finds it any more, and its subscribers are removed a part at a time.
CREATE TABLE topics (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE,
    name varchar(100) NOT NULL CHECK (name <> ''),
    description varchar(1000),
    joined bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE UNIQUE INDEX topics_name_key ON topics (tenant_id, name) WHERE deleted_at IS NULL;
CREATE INDEX topics_deleted_idx ON topics (deleted_at) WHERE deleted_at IS NOT NULL;

-- Who subscribes to a topic.
--   attributes  what a condition over subscribers may ask about.
--   joined      the topic's number when they did: who leaves and returns gets another one.
CREATE TABLE topic_subscribers (
    topic_id uuid NOT NULL REFERENCES topics (id) ON UPDATE CASCADE ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    joined bigint NOT NULL,
    joined_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic_id, user_id)
);
-- What an erased person subscribed to.
CREATE INDEX topic_subscribers_user_idx ON topic_subscribers (user_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON topics, topic_subscribers TO herald_notifications;

CREATE TRIGGER note_applied AFTER INSERT OR UPDATE ON topics FOR EACH ROW
    WHEN (coalesce(current_setting('herald.audit_actor', true), '') <> '')
    EXECUTE FUNCTION note_applied('topic', 'name');

RESET search_path;
