SET search_path TO notification_schema;

-- Jobs and replays take turns: whichever went on longest ago is next, so that a large one, or one that cannot go
-- on, holds up nobody else's.
DROP INDEX jobs_running_idx;
CREATE INDEX jobs_running_idx ON jobs (updated_at) WHERE state = 'running';

ALTER TABLE webhook_replays ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
CREATE TRIGGER touch BEFORE UPDATE ON webhook_replays FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
DROP INDEX webhook_replays_open_idx;
CREATE INDEX webhook_replays_open_idx ON webhook_replays (updated_at) WHERE finished_at IS NULL;

-- Who sends what webhooks were told has it in hand for a while: what names a person who was erased is let go of.
CREATE FUNCTION notify_person_erased() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('herald_changes', format('erased:%s', OLD.id));
    RETURN NULL;
END
$$;

CREATE TRIGGER notice_erased AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION notify_person_erased();

RESET search_path;
