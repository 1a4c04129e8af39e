SET search_path TO notification_schema;

-- Somebody's clock, window or cap is another one: what waits for the end of the old one is looked at
-- again, by whichever node comes by. Rows go when that is done.
--   user_id   NULL is everybody of the tenant.
--   seen_at   is when it was looked at first: later than the commit, so that what was decided after it
--             knows of the change.
--   after_*   is the last row that was looked at, where there are more than one statement takes.
CREATE TABLE wish_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    user_id uuid,
    seen_at timestamptz,
    look_at timestamptz NOT NULL DEFAULT '-infinity',
    looks smallint NOT NULL DEFAULT 0,
    after_user uuid,
    after_id uuid
);

-- The scheduler: whether anything is to be looked at.
CREATE INDEX wish_changes_look_idx ON wish_changes (look_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON wish_changes TO herald_notifications;

-- What waits for a person's clock, by whose it is. Only such rows are in it.
CREATE INDEX notifications_clock_idx ON notifications (tenant_id, user_id, id)
    WHERE status = 'pending' AND reason IN ('quiet_hours', 'frequency_cap');

CREATE FUNCTION remember_wish_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO notification_schema.wish_changes (tenant_id, user_id) VALUES (OLD.tenant_id, OLD.user_id);
    END IF;
    IF TG_OP = 'INSERT'
       OR (TG_OP = 'UPDATE' AND (OLD.tenant_id, OLD.user_id) IS DISTINCT FROM (NEW.tenant_id, NEW.user_id)) THEN
        INSERT INTO notification_schema.wish_changes (tenant_id, user_id) VALUES (NEW.tenant_id, NEW.user_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER clock_said AFTER INSERT ON notification_preferences FOR EACH ROW
    WHEN (NEW.quiet_hours_start IS NOT NULL OR NEW.no_quiet_hours OR NEW.frequency_cap IS NOT NULL
          OR NEW.no_frequency_cap OR NEW.timezone IS NOT NULL)
    EXECUTE FUNCTION remember_wish_change();
CREATE TRIGGER clock_changed AFTER UPDATE ON notification_preferences FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.user_id, OLD.channel, OLD.category, OLD.quiet_hours_start,
           OLD.quiet_hours_end, OLD.quiet_hours_days, OLD.no_quiet_hours, OLD.frequency_cap,
           OLD.no_frequency_cap, OLD.timezone)
          IS DISTINCT FROM
          (NEW.tenant_id, NEW.user_id, NEW.channel, NEW.category, NEW.quiet_hours_start,
           NEW.quiet_hours_end, NEW.quiet_hours_days, NEW.no_quiet_hours, NEW.frequency_cap,
           NEW.no_frequency_cap, NEW.timezone))
    EXECUTE FUNCTION remember_wish_change();
CREATE TRIGGER clock_unsaid AFTER DELETE ON notification_preferences FOR EACH ROW
    WHEN (OLD.quiet_hours_start IS NOT NULL OR OLD.no_quiet_hours OR OLD.frequency_cap IS NOT NULL
          OR OLD.no_frequency_cap OR OLD.timezone IS NOT NULL)
    EXECUTE FUNCTION remember_wish_change();

CREATE FUNCTION remember_move() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notification_schema.wish_changes (tenant_id, user_id) VALUES (NEW.tenant_id, NEW.id);
    RETURN NULL;
END
$$;

CREATE TRIGGER moved AFTER UPDATE ON users FOR EACH ROW
    WHEN (OLD.timezone IS DISTINCT FROM NEW.timezone) EXECUTE FUNCTION remember_move();

RESET search_path;
